#pragma once

#include "dspy/signature/type.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// The small parts of a written type: constants as Python writes them, and the `Field(…)` with its limits.

namespace dspy::notation {

/// Appends a constant as Python writes it.
void append_constant(std::string& out, const Json& value);

/// The arguments of a `Field(…)`; their text is empty if there are none.
class FieldCall {
 public:
  /// Begins the argument `key=`.  The caller appends its value.
  std::string& argument(std::string_view key);

  /// `as_set`: the list is written as `set[…]`, which says that its items are unique.
  void limits(const Limits& limits, bool as_set);

  /// The name and labels of an enumeration.
  void enumeration(const Type& type);

  const std::string& text() const { return text_; }

 private:
  void number(std::string_view key, const std::optional<Number>& value);
  void count(std::string_view key, const std::optional<std::size_t>& value);
  void constant(std::string_view key, const Json& value) { append_constant(argument(key), value); }

  std::string text_;
};

}  // namespace dspy::notation
