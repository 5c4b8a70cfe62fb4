#include "dspy/signature/type.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "fit.hpp"
#include "notation.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <format>
#include <unordered_set>
#include <utility>

namespace dspy {
namespace {

using Reason = std::optional<std::string>;

Reason is_not(const Json& value, std::string_view wanted) {
  return std::format("is {}, not {}", kind_of(value), wanted);
}

/// Makes every integer an int64, as far as it fits into one.  False if it is no integer.
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

Reason fit_integer(Json& value) {
  if (make_integer(value)) return std::nullopt;
  if (value.is_uint64()) return std::format("is {}, beyond 64 bits", value.get_uint64());
  if (!value.is_double()) return is_not(value, "an integer");
  const double number = value.get_double();
  return std::format("is {}, {}", number, number == std::trunc(number) ? "beyond 64 bits" : "not an integer");
}

Reason fit_number(Json& value) {
  if (value.is_int64()) value = static_cast<double>(value.get_int64());
  if (value.is_uint64()) value = static_cast<double>(value.get_uint64());
  if (!value.is_double()) return is_not(value, "a number");
  if (!std::isfinite(value.get_double())) return std::format("is {}, not a finite number", value.get_double());
  return std::nullopt;
}

Reason fit_literal(const Type& type, Json& value) {
  if (std::ranges::contains(type.choices, value)) return std::nullopt;
  if (value.is_double() || value.is_uint64()) {
    Json integer = value;
    if (make_integer(integer) && std::ranges::contains(type.choices, integer)) {
      value = std::move(integer);
      return std::nullopt;
    }
  }
  constexpr std::size_t most = 20;
  std::vector<std::string> choices;
  for (const auto& choice : type.choices) {
    if (choices.size() == most) break;
    choices.push_back(std::format("`{}`", shown(choice)));
  }
  if (type.choices.size() > most) choices.push_back(std::format("{} others", type.choices.size() - most));
  return std::format("is `{}`, not {}{}", shown(value), choices.size() > 1 ? "one of " : "", text::enumerate(choices));
}

Reason fit_list(const Type& type, Json& value) {
  if (!value.is_array()) return is_not(value, "a list");
  auto& items = value.get_array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (auto reason = fit_in_place(type.arguments[0], items[i]))
      return std::format("has an item (index {}) that {}", i, *reason);
  }
  return std::nullopt;
}

Reason fit_key(const Type& type, std::string_view key) {
  if (type.kind == Type::Kind::string) {
    Json text(key);
    return fit_in_place(type, text);
  }
  if (type.kind == Type::Kind::integer) {
    std::int64_t integer = 0;
    const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), integer);
    if (error == std::errc() && stop == key.data() + key.size()) return std::nullopt;
    return "is not an integer";
  }
  // A JSON object writes every key as a string.
  const auto is_key = [&](const Json& choice) { return !choice.is_string() && to_text(choice) == key; };
  if (std::ranges::any_of(type.choices, is_key)) return std::nullopt;
  Json text(key);
  return fit_literal(type, text);
}

Reason fit_dict(const Type& type, Json& value) {
  if (!value.is_object()) return is_not(value, "an object");
  for (auto& member : value.get_object()) {
    if (auto reason = fit_key(type.arguments[0], member.key()))
      return std::format("has a key `{}` that {}", shown(Json(member.key())), *reason);
    if (auto reason = fit_in_place(type.arguments[1], member.value()))
      return std::format("has a value (key `{}`) that {}", shown(Json(member.key())), *reason);
  }
  return std::nullopt;
}

Reason fit_string(const Json& value) {
  if (!value.is_string()) return is_not(value, "a string");
  if (const auto position = text::invalid_utf8(view(value.get_string())))
    return std::format("is not valid UTF-8 at byte {}", *position);
  return std::nullopt;
}

void append_quoted(std::string& out, std::string_view text) {
  const char quote = text.contains('\'') && !text.contains('"') ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += std::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += quote;
}

void append_notation(std::string& out, const Type& type);

void append_arguments(std::string& out, std::string_view name, const Type& type) {
  out += name;
  for (std::size_t i = 0; i < type.arguments.size(); ++i) {
    out += i == 0 ? "[" : ", ";
    append_notation(out, type.arguments[i]);
  }
  out += ']';
}

void append_literal(std::string& out, const Type& type) {
  out += "Literal[";
  for (std::size_t i = 0; i < type.choices.size(); ++i) {
    if (i != 0) out += ", ";
    const auto& choice = type.choices[i];
    if (choice.is_string()) {
      append_quoted(out, view(choice.get_string()));
    } else if (choice.is_bool()) {
      out += choice.get_bool() ? "True" : "False";
    } else {
      append_text(out, choice);
    }
  }
  out += ']';
}

void append_notation(std::string& out, const Type& type) {
  switch (type.kind) {
    case Type::Kind::string: out += "str"; break;
    case Type::Kind::integer: out += "int"; break;
    case Type::Kind::number: out += "float"; break;
    case Type::Kind::boolean: out += "bool"; break;
    case Type::Kind::literal: append_literal(out, type); break;
    case Type::Kind::list: append_arguments(out, "list", type); break;
    case Type::Kind::dict: append_arguments(out, "dict", type); break;
    case Type::Kind::optional: append_arguments(out, "Optional", type); break;
  }
}

}  // namespace

Type Type::literal(std::vector<Json> choices) {
  constexpr std::size_t few = 32;  // up to here looking at each one is faster than hashing
  std::unordered_set<Json> seen;
  std::vector<Json> kept;
  kept.reserve(choices.size());
  for (auto& choice : choices) {
    if (choice.is_uint64()) make_integer(choice);
    if (!choice.is_string() && !choice.is_int64() && !choice.is_bool()) {
      throw Error(Errc::signature_error,
                  std::format("the choice `{}` of a literal is {}; use strings, 64-bit integers or booleans",
                              shown(choice), kind_of(choice)));
    }
    const bool repeated = choices.size() <= few ? std::ranges::contains(kept, choice) : !seen.insert(choice).second;
    if (!repeated) kept.push_back(std::move(choice));
  }
  if (kept.empty()) throw Error(Errc::signature_error, "a literal has no choices; name at least one");
  return {.kind = Kind::literal, .choices = std::move(kept)};
}

Type Type::list(Type item) {
  Type type{.kind = Kind::list};
  type.arguments.push_back(std::move(item));
  return type;
}

Type Type::dict(Type key, Type value) {
  if (key.kind != Kind::string && key.kind != Kind::integer && key.kind != Kind::literal) {
    throw Error(Errc::signature_error,
                std::format("`{}` cannot be the type of a dict's keys; use `str`, `int` or a `Literal`",
                            dspy::to_notation(key)));
  }
  Type type{.kind = Kind::dict};
  type.arguments.reserve(2);
  type.arguments.push_back(std::move(key));
  type.arguments.push_back(std::move(value));
  return type;
}

Type Type::optional(Type inner) {
  if (inner.is_optional()) return inner;
  Type type{.kind = Kind::optional};
  type.arguments.push_back(std::move(inner));
  return type;
}

Type Type::parse(std::string_view notation) {
  NotationReader reader(notation);
  auto type = reader.type();
  reader.end();
  return type;
}

std::string to_notation(const Type& type) {
  std::string out;
  append_notation(out, type);
  return out;
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

std::optional<std::string> fit_in_place(const Type& type, Json& value) {
  switch (type.kind) {
    case Type::Kind::string: return fit_string(value);
    case Type::Kind::integer: return fit_integer(value);
    case Type::Kind::number: return fit_number(value);
    case Type::Kind::boolean: return value.is_bool() ? std::nullopt : is_not(value, "a boolean");
    case Type::Kind::literal: return fit_literal(type, value);
    case Type::Kind::list: return fit_list(type, value);
    case Type::Kind::dict: return fit_dict(type, value);
    case Type::Kind::optional: return value.is_null() ? std::nullopt : fit_in_place(type.arguments[0], value);
  }
  return "has a type that is unknown";
}

std::expected<Json, Mismatch> fit(const Type& type, Json value) {
  if (auto reason = fit_in_place(type, value)) return std::unexpected(Mismatch{*std::move(reason)});
  return value;
}

}  // namespace dspy
