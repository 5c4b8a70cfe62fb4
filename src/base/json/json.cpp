#include "dspy/base/json.hpp"

#include "base/json/json_number.hpp"
#include "base/json/json_plain.hpp"
#include "base/json/json_text.hpp"
#include "dspy/base/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <format>
#include <unordered_set>
#include <vector>

namespace dspy {
namespace {

/// Shortest text that reads back as the same float, always with a mark of being one.
void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    // JSON has no word for it: as a text it is not lost, and floats that may be so are read from it.
    out += std::isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char buffer[32];
  const auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, number);
  const std::string_view digits(buffer, static_cast<std::size_t>(end - buffer));
  out += digits;
  if (digits.find_first_of(".eE") == std::string_view::npos) out += ".0";
}

/// In one piece: nearly all names and texts need no escape.
void append_plain(std::string& out, std::string_view text) {
  out.resize_and_overwrite(out.size() + text.size() + 2, [&, at = out.size()](char* to, std::size_t size) {
    to[at] = '"';
    text.copy(to + at + 1, text.size());
    to[size - 1] = '"';
    return size;
  });
}

void append_quoted(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  auto i = skip_plain(text, 0);
  if (i == text.size()) return append_plain(out, text);
  out += '"';
  std::size_t plain = 0;
  for (; i < text.size(); i = skip_plain(text, i + 1)) {
    const auto byte = static_cast<unsigned char>(text[i]);
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (byte) {
      case '"': out += '"'; break;
      case '\\': out += '\\'; break;
      case '\n': out += 'n'; break;
      case '\t': out += 't'; break;
      case '\r': out += 'r'; break;
      case '\b': out += 'b'; break;
      case '\f': out += 'f'; break;
      default:
        out += "u00";
        out += hex[byte >> 4];
        out += hex[byte & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

struct Layout {
  bool pretty = false;
  int depth = 0;

  void line(std::string& out) const {
    if (pretty) out.append("\n").append(static_cast<std::size_t>(depth) * 2, ' ');
  }
};

void append(std::string& out, const Json& value, Layout& layout);

void append(std::string& out, const JsonArray& items, Layout& layout) {
  if (items.empty()) {
    out += "[]";
    return;
  }
  out += '[';
  ++layout.depth;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out += ',';
    layout.line(out);
    append(out, items[i], layout);
  }
  --layout.depth;
  layout.line(out);
  out += ']';
}

void append(std::string& out, const JsonObject& members, Layout& layout) {
  if (members.empty()) {
    out += "{}";
    return;
  }
  out += '{';
  ++layout.depth;
  bool first = true;
  for (const auto& member : members) {
    if (!first) out += ',';
    first = false;
    layout.line(out);
    append_quoted(out, member.key());
    out += layout.pretty ? ": " : ":";
    append(out, member.value(), layout);
  }
  --layout.depth;
  layout.line(out);
  out += '}';
}

void append(std::string& out, const Json& value, Layout& layout) {
  switch (value.kind()) {
    case boost::json::kind::null: out += "null"; break;
    case boost::json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
    case boost::json::kind::int64: append_integer(out, value.get_int64()); break;
    case boost::json::kind::uint64: append_integer(out, value.get_uint64()); break;
    case boost::json::kind::double_: append_number(out, value.get_double()); break;
    case boost::json::kind::string: append_quoted(out, view(value.get_string())); break;
    case boost::json::kind::array: append(out, value.get_array(), layout); break;
    case boost::json::kind::object: append(out, value.get_object(), layout); break;
  }
}

constexpr boost::json::parse_options strict = [] {
  boost::json::parse_options options;
  options.numbers = boost::json::number_precision::precise;  // the default is off by a unit in the last place
  options.max_depth = 256;
  return options;
}();

/// True if there is a float that may come from a different number: whole, 0 or, as Boost reads numbers that are too
/// large, infinite.
bool may_be_misread(const Json& value) {
  if (const auto* number = value.if_double()) return *number == std::trunc(*number);
  if (const auto* items = value.if_array()) return std::ranges::any_of(*items, may_be_misread);
  if (const auto* members = value.if_object()) {
    return std::ranges::any_of(*members, [](const auto& member) { return may_be_misread(member.value()); });
  }
  return false;
}

/// True if the number is neither a 64-bit integer nor nearly a float.
bool is_misread(std::string_view number) {
  const auto fits = [&](auto integer) {
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), integer);
    return error == std::errc() && end == number.data() + number.size();
  };
  return !fits(std::int64_t{}) && !fits(std::uint64_t{}) && is_misread_as_float(number);
}

/// The end of the string that opens at `at` in a JSON text: behind its closing quote.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  while (text[++at] != '"') at += text[at] == '\\' ? 1 : 0;
  return at + 1;
}

/// The end of the first number in the JSON `text` that cannot be represented.
std::optional<std::size_t> end_of_misread(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') {
      at = end_of_string(text, at) - 1;
    } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
      const auto end = std::min(text.find_first_not_of("+-.eE0123456789", at), text.size());
      if (is_misread(text.substr(at, end - at))) return end;
      at = end - 1;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<JsonProblem> repeated_member(std::string_view text) {
  struct Level {
    bool is_object = false;
    bool before_name = false;
    std::unordered_set<std::string> names = {};
  };
  std::vector<Level> levels;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '{': levels.push_back({.is_object = true, .before_name = true}); break;
      case '[': levels.emplace_back(); break;
      case '}':
      case ']': levels.pop_back(); break;
      case ',': levels.back().before_name = levels.back().is_object; break;
      case '"': {
        const auto end = end_of_string(text, at);
        if (!levels.empty() && levels.back().before_name) {
          levels.back().before_name = false;
          const auto name = boost::json::parse(text.substr(at, end - at), {}, strict);  // two spellings are one name
          if (!levels.back().names.emplace(view(name.get_string())).second) {
            return JsonProblem{std::format("the member {} is duplicated", text.substr(at, end - at)), at};
          }
        }
        at = end - 1;
        break;
      }
      default: break;
    }
  }
  return std::nullopt;
}

namespace {

/// True if the text before `end` ends in the first half of a surrogate pair, as `\ud83d`.
bool ends_in_surrogate(std::string_view text, std::size_t end) noexcept {
  if (end < 6) return false;
  const auto escape = text.substr(end - 6, 4);
  const auto lower = [](char c) { return static_cast<char>(c | 0x20); };
  return escape.starts_with("\\u") && lower(escape[2]) == 'd' && std::string_view("89ab").contains(lower(escape[3]));
}

/// What the parser's code means at `read`, in words that say more than "syntax error" where that is easy.
JsonProblem problem_of(std::string_view text, boost::system::error_code code, std::size_t read) {
  if (const auto bad = text::invalid_utf8(text); bad && *bad <= read) return {"a byte that is not UTF-8", *bad};
  const bool half = code == boost::json::error::illegal_leading_surrogate ||
                    code == boost::json::error::illegal_trailing_surrogate || ends_in_surrogate(text, read);
  if (half) return {"half a surrogate pair", read};
  return {code.message(), read};
}

}  // namespace

std::expected<Json, JsonProblem> parse_json(std::string_view text) {
  boost::system::error_code code;
  boost::json::stream_parser parser({}, strict);
  const auto read = parser.write_some(text, code);
  if (!code && read < text.size()) {
    const auto rest = text.find_first_not_of(" \t\r\n", read);
    if (rest != std::string_view::npos) return std::unexpected(JsonProblem{"text after the JSON value", rest});
  }
  if (!code) parser.finish(code);
  if (code) return std::unexpected(problem_of(text, code, read));
  auto value = parser.release();
  if (may_be_misread(value)) {
    if (const auto end = end_of_misread(text))
      return std::unexpected(JsonProblem{"a number that neither 64 bits nor a float can hold", *end});
  }
  return value;
}

void append_json_string(std::string& out, std::string_view text) {
  append_quoted(out, text);
}

void append_text(std::string& out, const JsonObject& members) {
  Layout layout;
  append(out, members, layout);
}

void append_text(std::string& out, const Json& value) {
  Layout layout;
  append(out, value, layout);
}

std::string to_text(const Json& value) {
  std::string out;
  append_text(out, value);
  return out;
}

std::string to_pretty_text(const Json& value) {
  std::string out;
  Layout layout{.pretty = true};
  append(out, value, layout);
  return out;
}

}  // namespace dspy
