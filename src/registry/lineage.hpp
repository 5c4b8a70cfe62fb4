#pragma once

#include "dspy/base/json.hpp"
#include "dspy/registry/registry.hpp"

#include <string_view>

namespace dspy {

JsonObject to_json(const Lineage& lineage);
/// Throws `Error` (`io_error`) for anything that `to_json` does not write.
Lineage lineage_of(std::string_view text);

}  // namespace dspy
