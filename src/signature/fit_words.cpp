// What messages call a value and its place, and integers written as floats.

#include "dspy/base/text.hpp"
#include "fit.hpp"
#include "notation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <format>

namespace dspy {

bool make_integer(Json& value) {
  if (value.is_int64()) return true;
  if (value.is_uint64()) {
    if (value.get_uint64() > static_cast<std::uint64_t>(INT64_MAX)) return false;
    value = static_cast<std::int64_t>(value.get_uint64());
    return true;
  }
  if (!value.is_double()) return false;
  const double number = value.get_double();
  constexpr double limit = 9223372036854775808.0;  // 2^63
  if (!(number >= -limit && number < limit) || number != std::trunc(number)) return false;
  value = static_cast<std::int64_t>(number);
  return true;
}

std::string_view kind_of(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return "a boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64: return "an integer";
    case boost::json::kind::double_: return "a number";
    case boost::json::kind::string: return "a string";
    case boost::json::kind::array: return "a list";
    case boost::json::kind::object: return "an object";
  }
  return "unknown";
}

std::string shown(const Json& value) {
  constexpr std::size_t longest = 60;
  const auto text = value.is_string() ? std::string(view(value.get_string())) : to_text(value);
  text::Utf8Buffer whole;
  auto out = whole.push(std::string_view(text).substr(0, longest));
  if (text.size() > longest) return out + "…";
  return out + whole.finish();
}

std::string path_of(std::string_view member) {
  return is_identifier(member) ? std::string(member) : std::format("[{}]", to_text(Json(shown(Json(member)))));
}

}  // namespace dspy
