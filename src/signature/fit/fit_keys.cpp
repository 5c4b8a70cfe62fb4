// Keys of dictionaries: a JSON object writes every key as a string, whatever its type.

#include "dspy/base/text.hpp"
#include "fit.hpp"
#include "fit_findings.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <format>
#include <string>
#include <system_error>

namespace dspy {

bool fit_key(const Type& type, std::string_view key, Findings& findings) {
  if (type.kind == Type::Kind::integer) {
    Json integer;
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    // `01` would be the same key as `1`.
    if (error != std::errc() || stop != key.data() + key.size() || std::to_string(number) != key)
      return findings.broken("key", Json(key),
                             std::format("has the key `{}`, which is not an integer", shown(Json(key))));
    integer = number;
    return !type.limits.is_set() || keeps_limits(type, integer, findings);
  }
  Json text(key);
  if (const auto position = text::invalid_utf8(key))
    return findings.broken("key", text, std::format("has a key that is not valid UTF-8 at byte {}", *position));
  if (type.kind == Type::Kind::string) return !type.limits.is_set() || keeps_limits(type, text, findings);
  const auto is_key = [&](const Json& choice) {
    return choice.is_string() ? view(choice.get_string()) == key : to_text(choice) == key;
  };
  if (std::ranges::any_of(type.choices, is_key)) return true;
  return findings.broken("key", text,
                         std::format("has the key `{}`, which is not {}{}", shown(text),
                                     type.choices.size() > 1 ? "one of " : "", enumerated(type.choices)));
}

}  // namespace dspy
