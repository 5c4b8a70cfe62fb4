#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// Why an expression is not a pattern.
struct PatternFault {
  std::string what = {};     ///< "has a `(` that is not closed"
  std::size_t position = 0;  ///< Bytes from its start.
  std::string remedy = {};   ///< "add a `)`"
};

/// For texts that hold an expression and tell its faults in places of their own.
std::optional<PatternFault> fault_of_pattern(std::string_view expression);

}  // namespace dspy
