#include "server/resources/cursor.hpp"

#include "dspy/base/error.hpp"

#include <charconv>
#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <system_error>

namespace dspy::server {
namespace {

std::string order_of(std::string_view sort, bool descending) {
  return std::format("{}{}", descending ? "-" : "", sort);
}

bool take(std::string_view& text, std::int64_t& value) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}

}  // namespace

std::string cursor_text(const Cursor& cursor, std::string_view sort, bool descending) {
  return std::format("{}~{}~{}", cursor.value, cursor.number, order_of(sort, descending));
}

Cursor cursor_from(std::string_view text, std::string_view sort, bool descending) {
  Cursor out;
  auto rest = text;
  bool fits = take(rest, out.value) && rest.starts_with('~');
  if (fits) rest.remove_prefix(1);
  fits = fits && take(rest, out.number) && rest.starts_with('~');
  if (!fits || rest.substr(1) != order_of(sort, descending)) {
    throw Error(Errc::bad_input, "`cursor` is not the `next` of a page in this order; omit it to start over");
  }
  return out;
}

}  // namespace dspy::server
