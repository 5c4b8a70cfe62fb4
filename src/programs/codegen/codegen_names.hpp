#pragma once

#include "dspy/signature/field.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

// Names and texts as C++ writes them.

namespace dspy::codegen {

/// Text as a C++ string literal.  Throws `Error` (`config_error`) if it holds a NUL.
std::string literal_of(std::string_view text);

/// A comment in front of a definition; nothing for an empty text.
std::string comment(std::string_view text);

/// True if `name` is valid in C++ for members, types and enumerators.
bool is_usable(std::string_view name);

/// Throws `Error` (`config_error`) unless `name` is usable unchanged.
void check_usable(std::string_view name, std::string_view what);

/// The nearest usable name: `class` → `class_`, `by air` → `by_air`, `2nd` → `_2nd`.
std::string to_usable(std::string_view name, std::string_view fallback);

/// `order_id` → `OrderId`.
std::string to_type_name(std::string_view name);

/// Keeps track of the names in use, and makes new ones.
class Scope {
 public:
  void take(std::string name) { taken_.insert(std::move(name)); }
  /// `name`, followed by the first free number if it is taken: `Item`, `Item2`.
  std::string add(std::string_view name);

 private:
  std::set<std::string, std::less<>> taken_;
};

/// What the members of a struct are called in C++, in order.
std::vector<std::string> member_names(const std::vector<Field>& fields, std::string_view owner);

}  // namespace dspy::codegen
