#pragma once

#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <string_view>

// How built-in functions read what they are called with.  The value that a filter, a test or a method is put to is the
// argument 0.

namespace dspy::llama::jinja {

inline const Value& subject(const Work& work, const Arguments& arguments) {
  if (arguments.positional.empty()) work.fail("an argument is missing");
  return arguments.positional.front();
}

inline const Value& required(const Work& work, const Arguments& arguments, std::size_t index, std::string_view name) {
  if (const auto* const found = arguments.find(index, name)) return *found;
  work.fail(std::format("the argument `{}` is missing", name));
}

/// The text of a value; undefined is empty, anything else is written as Python does.
inline Text text_of(const Value& value) {
  return value.text() != nullptr ? *value.text() : shown(value);
}

inline Text text_argument(const Work& work, const Arguments& arguments, std::size_t index, std::string_view name) {
  const auto& value = required(work, arguments, index, name);
  if (value.text() == nullptr) work.fail(std::format("`{}` must be a str, not {}", name, value.type_name()));
  return *value.text();
}

inline std::int64_t whole_argument(const Work& work, const Arguments& arguments, std::size_t index,
                                   std::string_view name, std::int64_t preset) {
  const auto* const found = arguments.find(index, name);
  if (found == nullptr || found->is_none()) return preset;
  if (const auto number = found->integer()) return *number;
  work.fail(std::format("`{}` must be a whole number, not {}", name, found->type_name()));
}

inline bool truth_argument(const Arguments& arguments, std::size_t index, std::string_view name, bool preset) {
  const auto* const found = arguments.find(index, name);
  return found == nullptr ? preset : found->truth();
}

/// A number of characters or bytes, kept within what a template may write.
inline std::size_t size_argument(const Work& work, const Arguments& arguments, std::size_t index, std::string_view name,
                                 std::int64_t preset) {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(whole_argument(work, arguments, index, name, preset), 0, std::int64_t{1} << 24));
}

struct Named {
  std::string_view name;
  BuiltIn call;
};

/// `table` is sorted by name.
template <class Table>
BuiltIn find_in(const Table& table, std::string_view name) noexcept {
  const auto found = std::ranges::lower_bound(table, name, {}, &Named::name);
  return found == table.end() || found->name != name ? nullptr : found->call;
}

/// The parts of the filters' table, a file each.
BuiltIn find_text_filter(std::string_view name) noexcept;
BuiltIn find_list_filter(std::string_view name) noexcept;
/// As Python's `json.dumps`.
Value to_json_text(Work& work, const Arguments& arguments);

}  // namespace dspy::llama::jinja
