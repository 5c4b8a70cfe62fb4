#pragma once

#include "dspy/adapters/adapter.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::test {

/// What is wrong with a reply that was held to its contract; nothing if it is read without a repair.  What stands in
/// `unenforced` was written free; a member with a default may be left out.
inline std::string fault_of_held(const Exchange& exchange, std::string_view reply,
                                 const std::vector<std::string>& unenforced) {
  const auto is_held = [&](std::string_view field) {
    return std::ranges::none_of(unenforced, [&](const std::string& part) {
      return part.contains(std::format("`{}`", field)) || part.starts_with("the whole contract");
    });
  };
  const auto reading = exchange.parse(reply);
  std::string out;
  if (!reading) {
    for (const auto& field : reading.error().missing) {
      if (is_held(field)) out += std::format("{} is missing; ", field);
    }
    for (const auto& fault : reading.error().invalid) {
      if (is_held(fault.field)) out += std::format("{}: {}; ", fault.field, fault.reason);
    }
  }
  for (const auto& flag : reading ? reading->flags : reading.error().flags) {
    // Where a key may come twice, that is among `unenforced`.
    if (flag.repair == "duplicate_key" && flag.field.empty() && !unenforced.empty()) continue;
    if (flag.repair != "defaulted" && is_held(flag.field)) out += std::format("{}: {}; ", flag.field, flag.repair);
  }
  return out;
}

}  // namespace dspy::test
