#pragma once

#include "dspy/lm/lm.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace dspy {

/// Puts something around an LM: the result asks it, and does one thing more.
using Layer = std::function<std::shared_ptr<LM>(std::shared_ptr<LM> inner)>;

/// `lm` with layers around it, the first outermost.
///
///     auto lm = stack(dspy::lm("llama:models/qwen.gguf"), {cached(), retrying(), limited({.requests_per_minute =
///     60})});
std::shared_ptr<LM> stack(std::shared_ptr<LM> lm, const std::vector<Layer>& layers);

}  // namespace dspy
