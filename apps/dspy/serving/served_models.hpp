#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/server/catalog.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dspy::app {

/// Puts `--model` values into a catalog: `NAME=MODEL`, or a model alone, which is then called as in dspy.toml, as the
/// file without its ending, or as its URI.  Without values, what a command without `--model` would ask.  Returns the
/// first one: that of programs that name none.
std::shared_ptr<LM> serve_models(const std::vector<std::string>& values, server::Catalog& catalog);

}  // namespace dspy::app
