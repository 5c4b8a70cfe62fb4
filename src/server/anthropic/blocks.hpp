#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/request.hpp"

#include <string>
#include <vector>

namespace dspy::server::anthropic {

/// The parts of a message's `content`: a text, or a list of blocks.
std::vector<Part> read_content(const Json& content, const std::string& place, const Chat& before);

}  // namespace dspy::server::anthropic
