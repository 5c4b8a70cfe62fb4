// What messages call a value and its place, and integers written as floats.

#include "dspy/base/text.hpp"
#include "fit.hpp"
#include "signature/notation/identifier.hpp"

#include <cmath>
#include <cstdint>
#include <format>

namespace dspy {
namespace {

constexpr std::size_t longest_shown = 60;

std::string joined(std::string out, std::string_view path) {
  if (!path.empty() && path[0] != '[') out += '.';
  return out.append(path);
}

}  // namespace

bool make_integer(Json& value) {
  if (value.is_int64()) return true;
  if (value.is_uint64()) {
    if (value.get_uint64() > static_cast<std::uint64_t>(INT64_MAX)) return false;
    value = static_cast<std::int64_t>(value.get_uint64());
    return true;
  }
  if (!value.is_double()) return false;
  const double number = value.get_double();
  constexpr double limit = 9007199254740992.0;  // 2^53: from here on a float may be read as its neighbour
  const bool is_exact = number > -limit && number < limit;
  if (!is_exact || number != std::trunc(number)) return false;
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
  const auto text = value.is_string() ? std::string(view(value.get_string())) : to_text(value);
  text::Utf8Buffer whole;
  auto out = whole.push(std::string_view(text).substr(0, longest_shown));
  if (text.size() > longest_shown) return out + "…";
  return out + whole.finish();
}

std::string enumerated(const std::vector<Json>& choices) {
  constexpr std::size_t most = 20;
  std::vector<std::string> words;
  for (const auto& choice : choices) {
    if (words.size() == most) break;
    words.push_back(std::format("`{}`", shown(choice)));
  }
  if (choices.size() > most) words.push_back(std::format("{} others", choices.size() - most));
  return text::enumerate(words);
}

Json value_at_fault(const Json& value) {
  if (value.is_array() || value.is_object()) return nullptr;
  if (value.is_string() && (value.get_string().size() > longest_shown || text::invalid_utf8(view(value.get_string()))))
    return Json(shown(value));
  return value;
}

std::string path_of(std::string_view member) {
  return is_identifier(member) ? std::string(member) : std::format("[{}]", to_text(Json(shown(Json(member)))));
}

std::string path_within(std::string_view member, std::string_view path) {
  return joined(path_of(member), path);
}

std::string path_within(std::size_t index, std::string_view path) {
  return joined(std::format("[{}]", index), path);
}

}  // namespace dspy
