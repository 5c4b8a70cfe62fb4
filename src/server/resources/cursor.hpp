#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dspy::server {

/// The last row of a page, in the order of its list.
struct Cursor {
  std::int64_t value = 0;   ///< Of what is sorted by.
  std::int64_t number = 0;  ///< Of the row, which parts rows of the same value.
};

/// As clients get it, who look no further into it.
std::string cursor_text(const Cursor& cursor, std::string_view sort, bool descending);
/// Throws `Error` (`bad_input`) for what is not a cursor, or one of another order.
Cursor cursor_from(std::string_view text, std::string_view sort, bool descending);

}  // namespace dspy::server
