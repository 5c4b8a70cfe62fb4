#include "adapters/json/long_numbers.hpp"

#include "adapters/coercion/numbers.hpp"
#include "base/json/json_number.hpp"

#include <charconv>
#include <cstdint>

namespace dspy {

std::optional<std::string_view> long_number_problem(std::string_view text) {
  const auto number = read_number(text);
  if (!number || number->integer || number->grouped || number->unusual_minus || text.starts_with('+') ||
      !is_misread_as_float(text))
    return std::nullopt;
  if (!number->plain_integer) return "is not a number that a float holds";
  std::uint64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error == std::errc() && end == text.data() + text.size()) return std::nullopt;
  return "does not fit into 64 bits";
}

std::optional<Refusal> refuse_long_numbers(const Json& value) {
  const auto inside = [](const Json& part, const auto& place) {
    auto refusal = refuse_long_numbers(part);
    if (refusal) refusal->within(place);
    return refusal;
  };
  if (value.is_string()) {
    const auto text = view(value.get_string());
    if (const auto problem = long_number_problem(text)) return refuse(text, *problem).error();
  } else if (const auto* const items = value.if_array()) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (auto refusal = inside((*items)[i], i)) return refusal;
    }
  } else if (const auto* const members = value.if_object()) {
    for (const auto& member : *members) {
      if (auto refusal = inside(member.value(), std::string_view(member.key()))) return refusal;
    }
  }
  return std::nullopt;
}

}  // namespace dspy
