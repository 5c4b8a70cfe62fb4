#include "adapters/coerce.hpp"

#include "adapters/lenient_json.hpp"

#include "dspy/base/text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace dspy {
namespace {

using Coerced = std::expected<Json, Mismatch>;

/// A value as an error message shows it: quoted, one line, not too long.
std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 60;
  auto shown = text.substr(0, text.find('\n'));
  if (shown.size() > longest) {
    shown = shown.substr(0, longest);
    if (const auto cut = text::invalid_utf8(shown)) shown = shown.substr(0, *cut);
  }
  return "`" + std::string(shown) + (shown.size() < text.size() ? "…`" : "`");
}

Coerced mismatch(std::string_view text, std::string_view wanted) {
  return std::unexpected(Mismatch{quoted(text) + " is not " + std::string(wanted)});
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes away emphasis, quotes and a final full stop around a short value.
std::string_view bare(std::string_view text, FlagList& flags) {
  const auto before = text.size();
  while (text.size() >= 2) {
    const char first = text.front();
    const char last = text.back();
    if (first == last && (first == '*' || first == '_' || first == '`' || first == '"' || first == '\'')) {
      text = text::trim(text.substr(1, text.size() - 2));
    } else if (last == '.' || last == ',') {
      text = text::trim(text.substr(0, text.size() - 1));
    } else {
      break;
    }
  }
  if (text.size() != before) flags.add("decorated_value");
  return text;
}

/// Removes the commas of `1,234,567.5`; nothing if they do not group by three.
std::optional<std::string> without_group_commas(std::string_view text) {
  std::string digits;
  std::size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) digits += text[i++];
  std::size_t run = 0;
  bool grouped = false;
  for (; i < text.size() && (is_digit(text[i]) || text[i] == ','); ++i) {
    if (text[i] == ',') {
      if (run == 0 || run > 3 || (grouped && run != 3)) return std::nullopt;
      grouped = true;
      run = 0;
    } else {
      digits += text[i];
      ++run;
    }
  }
  if (!grouped || run != 3) return std::nullopt;
  return digits + std::string(text.substr(i));
}

std::optional<double> read_double(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> read_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

template <class Read>
auto read_grouped(std::string_view text, FlagList& flags, Read read) -> decltype(read(text)) {
  if (auto value = read(text)) return value;
  if (const auto digits = without_group_commas(text)) {
    if (auto value = read(*digits)) {
      flags.add("thousands_separator");
      return value;
    }
  }
  return std::nullopt;
}

Coerced coerce_integer(std::string_view text, FlagList& flags) {
  std::vector<Flag> tried;
  FlagList liberties(tried);
  const auto core = bare(text, liberties);
  const auto keep = [&](Json value) -> Coerced {
    for (const auto& flag : tried) flags.add(flag.liberty);
    return value;
  };
  if (const auto value = read_grouped(core, liberties, read_integer)) return keep(*value);
  if (const auto value = read_grouped(core, liberties, read_double)) {
    constexpr double exact = 9007199254740992.0;  // 2^53: beyond it a double may not be the number that was written
    if (*value == std::floor(*value) && std::abs(*value) <= exact) {
      liberties.add("integer_written_as_float");
      return keep(static_cast<std::int64_t>(*value));
    }
  }
  return mismatch(text, "a whole number");
}

Coerced coerce_number(std::string_view text, FlagList& flags) {
  std::vector<Flag> tried;
  FlagList liberties(tried);
  if (const auto value = read_grouped(bare(text, liberties), liberties, read_double)) {
    for (const auto& flag : tried) flags.add(flag.liberty);
    return *value;
  }
  return mismatch(text, "a number");
}

Coerced coerce_boolean(std::string_view text, FlagList& flags) {
  std::vector<Flag> tried;
  FlagList liberties(tried);
  const auto word = text::to_lower(bare(text, liberties));
  bool value = false;
  if (word == "true" || word == "false") {
    value = word == "true";
  } else if (word == "yes" || word == "no") {
    value = word == "yes";
    liberties.add("yes_or_no");
  } else {
    return mismatch(text, "true or false");
  }
  for (const auto& flag : tried) flags.add(flag.liberty);
  return value;
}

std::string text_of(const Json& choice) {
  return choice.is_string() ? std::string(view(choice.get_string())) : to_text(choice);
}

/// Letters and digits only, in lower case: what is left of a word that was dressed up.
std::string skeleton(std::string_view text) {
  std::string out;
  for (const char c : text::to_lower(text)) {
    if ((c >= 'a' && c <= 'z') || is_digit(c) || static_cast<unsigned char>(c) >= 0x80) out += c;
  }
  return out;
}

Coerced coerce_literal(const Type& type, std::string_view text, FlagList& flags) {
  for (const auto& choice : type.choices) {
    if (text_of(choice) == text) return choice;
  }
  const auto only = [&](auto same) -> const Json* {
    const Json* found = nullptr;
    for (const auto& choice : type.choices) {
      if (!same(text_of(choice))) continue;
      if (found != nullptr) return nullptr;
      found = &choice;
    }
    return found;
  };
  if (const auto* found = only([&](const std::string& c) { return text::equals_ignoring_case(c, text); })) {
    flags.add("other_case");
    return *found;
  }
  const auto wanted = skeleton(text);
  if (!wanted.empty()) {
    if (const auto* found = only([&](const std::string& c) { return skeleton(c) == wanted; })) {
      flags.add("near_choice");
      return *found;
    }
  }
  std::vector<std::string> names;
  for (const auto& choice : type.choices) names.push_back(text_of(choice));
  return mismatch(text, "one of " + text::enumerate(names, "`"));
}

Coerced coerce_value(const Type& type, Json value, FlagList& flags);
Coerced coerce(const Type& type, std::string_view text, FlagList& flags);

/// The text after a bullet or a number at the start of a line, or nothing.
std::optional<std::string_view> after_bullet(std::string_view line) {
  if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ")) return text::trim(line.substr(2));
  if (line.starts_with("•")) return text::trim(line.substr(std::string_view("•").size()));
  std::size_t i = line.starts_with('[') || line.starts_with('(') ? 1 : 0;
  const auto digits = i;
  while (i < line.size() && is_digit(line[i])) ++i;
  if (i == digits || i >= line.size()) return std::nullopt;
  const char closer = digits == 0 ? line[i] : line[0] == '[' ? ']' : ')';
  if (line[i] != closer || (digits == 0 && closer != '.' && closer != ')')) return std::nullopt;
  if (i + 1 < line.size() && line[i + 1] != ' ' && line[i + 1] != '\t') return std::nullopt;
  return text::trim(line.substr(i + 1));
}

/// Items of a list written as bullets or numbered lines; nothing unless every line is one.
std::optional<std::vector<std::string_view>> bulleted(std::string_view text) {
  std::vector<std::string_view> items;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text::trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty()) continue;
    const auto item = after_bullet(line);
    if (!item) return std::nullopt;
    items.push_back(*item);
  }
  return items;
}

bool is_scalar(const Type& type) {
  using enum Type::Kind;
  return type.kind == integer || type.kind == number || type.kind == boolean || type.kind == literal;
}

Coerced coerce_items(const Type& item, const std::vector<std::string_view>& texts, FlagList& flags) {
  JsonArray out;
  for (const auto text : texts) {
    auto value = coerce(item, text, flags);
    if (!value) return value;
    out.push_back(*std::move(value));
  }
  return out;
}

/// Reads `text` as one JSON value and nothing after it, inside a fence or not.
std::optional<Json> whole_json(std::string_view text, FlagList& flags) {
  if (text.starts_with("```")) {
    const auto line = text.find('\n');
    const auto close = text.rfind("```");
    if (line == std::string_view::npos || close <= line) return std::nullopt;
    if (!text::trim(text.substr(close + 3)).empty()) return std::nullopt;
    text = text::trim(text.substr(line + 1, close - line - 1));
    flags.add("fenced_value");
  }
  auto found = read_lenient_json(text, 0, flags);
  if (!found || !text::trim(text.substr(found->end)).empty()) return std::nullopt;
  return std::move(found->value);
}

Coerced coerce_list(const Type& type, std::string_view text, FlagList& flags) {
  const auto& item = type.arguments[0];
  std::vector<Flag> tried;
  FlagList liberties(tried);
  const auto keep = [&](Coerced value) {
    if (value) {
      for (const auto& flag : tried) flags.add(flag.liberty);
    }
    return value;
  };
  if (text.starts_with('[') || text.starts_with("```")) {
    if (auto json = whole_json(text, liberties); json && json->is_array()) {
      return keep(coerce_value(type, *std::move(json), liberties));
    }
    tried.clear();
  }
  if (const auto items = bulleted(text); items && !items->empty()) {
    liberties.add("bulleted_list");
    return keep(coerce_items(item, *items, liberties));
  }
  if (is_scalar(item) && text.find('\n') == std::string_view::npos && !text.starts_with('[')) {
    std::vector<std::string_view> parts;
    auto rest = text;
    while (true) {
      const auto comma = rest.find(',');
      parts.push_back(text::trim(rest.substr(0, comma)));
      if (comma == std::string_view::npos) break;
      rest = rest.substr(comma + 1);
    }
    liberties.add("comma_list");
    return keep(coerce_items(item, parts, liberties));
  }
  return mismatch(text, "a JSON list");
}

Coerced coerce_dict(const Type& type, std::string_view text, FlagList& flags) {
  std::vector<Flag> tried;
  FlagList liberties(tried);
  if (text.starts_with('{') || text.starts_with("```")) {
    if (auto json = whole_json(text, liberties); json && json->is_object()) {
      for (const auto& flag : tried) flags.add(flag.liberty);
      return coerce_value(type, *std::move(json), flags);
    }
  }
  return mismatch(text, "a JSON object");
}

/// A short value followed by lines of talk is taken by its first line.
template <class F>
Coerced first_line_or_all(std::string_view text, FlagList& flags, F read) {
  auto whole = read(text);
  if (whole) return whole;
  const auto line = text.find('\n');
  if (line == std::string_view::npos) return whole;
  auto first = read(text::trim(text.substr(0, line)));
  if (!first) return whole;
  flags.add("trailing_text");
  return first;
}

Coerced coerce(const Type& type, std::string_view text, FlagList& flags) {
  using enum Type::Kind;
  switch (type.kind) {
    case string: return JsonString(text);
    case integer:
      return first_line_or_all(text, flags, [&](std::string_view part) { return coerce_integer(part, flags); });
    case number:
      return first_line_or_all(text, flags, [&](std::string_view part) { return coerce_number(part, flags); });
    case boolean:
      return first_line_or_all(text, flags, [&](std::string_view part) { return coerce_boolean(part, flags); });
    case literal:
      return first_line_or_all(text, flags, [&](std::string_view part) { return coerce_literal(type, part, flags); });
    case list: return coerce_list(type, text, flags);
    case dict: return coerce_dict(type, text, flags);
    case optional:
      if (says_nothing(text)) return Json(nullptr);
      return coerce(type.arguments[0], text, flags);
  }
  return mismatch(text, "of a known type");
}

Coerced coerce_members(const Type& type, JsonObject members, FlagList& flags) {
  JsonObject out;
  for (auto& member : members) {
    auto value = coerce_value(type.arguments[1], std::move(member.value()), flags);
    if (!value) return value;
    out[member.key()] = *std::move(value);
  }
  return out;
}

Coerced coerce_value(const Type& type, Json value, FlagList& flags) {
  using enum Type::Kind;
  if (type.kind == optional) {
    if (value.is_null()) return value;
    return coerce_value(type.arguments[0], std::move(value), flags);
  }
  if (type.kind == string && !value.is_string() && !value.is_null()) {
    flags.add("value_taken_as_text");
    return JsonString(to_text(value));
  }
  if (value.is_string() && type.kind != string) {
    if (type.kind != literal) flags.add("value_in_quotes");
    return coerce(type, text::trim(view(value.get_string())), flags);
  }
  if (type.kind == integer && value.is_double()) return coerce_integer(to_text(value), flags);
  if (type.kind == list && value.is_array()) {
    JsonArray out;
    for (auto& item : value.get_array()) {
      auto coerced = coerce_value(type.arguments[0], std::move(item), flags);
      if (!coerced) return coerced;
      out.push_back(*std::move(coerced));
    }
    return out;
  }
  if (type.kind == dict && value.is_object()) return coerce_members(type, std::move(value.get_object()), flags);
  return value;
}

Coerced fitted(const Field& field, Coerced value) {
  if (!value) return value;
  auto shown = value->is_string() ? std::string(view(value->get_string())) : to_text(*value);
  auto fit_value = fit(field, *std::move(value));
  if (!fit_value) return std::unexpected(Mismatch{quoted(shown) + " " + fit_value.error().reason});
  return fit_value;
}

}  // namespace

bool says_nothing(std::string_view text) {
  if (text.empty()) return true;
  const auto word = text::to_lower(text);
  return word == "none" || word == "null" || word == "n/a";
}

std::expected<Json, Mismatch> coerce_text(const Field& field, std::string_view text, FlagList& flags) {
  if (field.type.kind == Type::Kind::string && !field.min_length && !field.max_length) return Json(JsonString(text));
  return fitted(field, coerce(field.type, text, flags));
}

std::expected<Json, Mismatch> coerce_json(const Field& field, Json value, FlagList& flags) {
  return fitted(field, coerce_value(field.type, std::move(value), flags));
}

}  // namespace dspy
