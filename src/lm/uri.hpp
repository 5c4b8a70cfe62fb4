#pragma once

#include "dspy/lm/lm.hpp"

#include <string_view>

namespace dspy {

/// Takes `scheme:path?name=value&…` apart.  Throws `Error` (`config_error`) that names the part
/// at fault and its position.
LMUri parse_lm_uri(std::string_view uri);

}  // namespace dspy
