#pragma once

#include "dspy/base/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// A violation of a type or a limit: where, which rule, and the value found there.
struct Violation {
  /// `order.lines[2].price`.  Begins with the field's name where a field was checked; empty for
  /// the value itself.
  std::string path = {};
  /// `type`, `missing`, `unknown`, `union`, `depth`; a limit's name such as `ge` or `pattern`; or
  /// the name of a validator.
  std::string rule = {};
  /// The value at fault.  A long text is cut; a list or an object is left out (null).
  Json value = {};
  /// The end of a sentence: "is 7, above the maximum 5".
  std::string message = {};

  bool operator==(const Violation&) const = default;
};

/// In the order in which they were met.  Of a value with very many, the first twenty.
using Violations = std::vector<Violation>;

/// "`lines[2].price` is 7, above the maximum 5; `note` is missing".  A path that is empty is
/// called by `subject`.
std::string to_sentence(const Violations& violations, std::string_view subject = "the value");

/// `[{"path", "rule", "value", "message"}, …]`.
JsonArray to_json(const Violations& violations);

}  // namespace dspy
