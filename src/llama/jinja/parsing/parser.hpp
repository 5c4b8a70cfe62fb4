#pragma once

#include "llama/jinja/parsing/syntax.hpp"

#include <string_view>

namespace dspy::llama::jinja {

/// The tree of a template's source.  Throws `Error` (`config_error`) with the place of what is wrong.
Block parse(std::string_view source);

}  // namespace dspy::llama::jinja
