#pragma once

#include "dspy/base/json.hpp"

#include <cstdint>

namespace dspy::program_format {

/// Brings this library's part of a program file of version `from` to the present format, one version at a time.
/// Throws `Error` (`config_error`) if the part is damaged.
void migrate(JsonObject& own, std::int64_t from);

}  // namespace dspy::program_format
