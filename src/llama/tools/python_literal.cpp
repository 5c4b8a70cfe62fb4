#include "llama/tools/python_literal.hpp"

#include "dspy/base/unicode.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <system_error>
#include <utility>

namespace dspy::llama {
namespace {

constexpr std::string_view spaces = " \t\r\n";
constexpr std::size_t deepest = 32;

using Read = std::expected<Json, std::string>;

std::unexpected<std::string> wrong(std::string_view why) {
  return std::unexpected(std::string(why));
}

struct Word {
  std::string_view text;
  Json value;
};

class LiteralReader {
 public:
  explicit LiteralReader(std::string_view& text) : rest_(&text) {}

  Read value(std::size_t level) {
    skip_blanks();
    if (rest_->empty()) return wrong("a value has no end");
    if (level > deepest) return wrong(std::format("a value is nested deeper than {} levels", deepest));
    switch (rest_->front()) {
      case '"':
      case '\'': return text();
      case '[': return list(']', level);
      case '(': return list(')', level);
      case '{': return dictionary(level);
      default: return word_or_number();
    }
  }

 private:
  void skip_blanks() { rest_->remove_prefix(std::min(rest_->find_first_not_of(spaces), rest_->size())); }

  bool take(char sign) {
    skip_blanks();
    if (!rest_->starts_with(sign)) return false;
    rest_->remove_prefix(1);
    return true;
  }

  Read word_or_number() {
    const auto is_part = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
             c == '+' || c == '-';
    };
    const auto end = std::ranges::find_if_not(*rest_, is_part);
    const auto word = rest_->substr(0, static_cast<std::size_t>(end - rest_->begin()));
    rest_->remove_prefix(word.size());
    static const std::array<Word, 6> words = {Word{"True", true}, {"true", true},    {"False", false},
                                              {"false", false},   {"None", nullptr}, {"null", nullptr}};
    for (const auto& [text, value] : words)
      if (word == text) return value;
    if (auto number = parse_json(word); number && number->is_number()) return *std::move(number);
    return wrong(
        std::format("`{}` is not text, a number or another literal", word.empty() ? rest_->substr(0, 1) : word));
  }

  Read list(char closing, std::size_t level) {
    rest_->remove_prefix(1);
    JsonArray out;
    while (!take(closing)) {
      if (!out.empty() && !take(',')) return wrong("a list has neither a comma nor an end");
      if (take(closing)) break;
      auto item = value(level + 1);
      if (!item) return item;
      if (closing == ')' && out.empty() && take(closing)) return item;  // brackets around one value make no tuple
      out.push_back(*std::move(item));
    }
    return Json(std::move(out));
  }

  Read dictionary(std::size_t level) {
    rest_->remove_prefix(1);
    JsonObject out;
    while (!take('}')) {
      if (!out.empty() && !take(',')) return wrong("an object has neither a comma nor an end");
      if (take('}')) break;
      const auto key = value(level + 1);
      if (!key) return key;
      if (!key->is_string()) return wrong("an object has a key that is not text");
      if (!take(':')) return wrong("an object has a key without a value");
      auto member = value(level + 1);
      if (!member) return member;
      if (!out.emplace(key->get_string(), *std::move(member)).second) return wrong("an object has a key twice");
    }
    return Json(std::move(out));
  }

  Read text() {
    const char quote = rest_->front();
    rest_->remove_prefix(1);
    std::string out;
    for (;;) {
      const char stops[] = {quote, '\\'};
      const auto at = rest_->find_first_of(std::string_view(stops, 2));
      if (at == rest_->npos) return wrong("a text has no end");
      out += rest_->substr(0, at);
      const bool ends = (*rest_)[at] == quote;
      rest_->remove_prefix(at + 1);
      if (ends) return Json(out);
      if (rest_->empty()) return wrong("a text has no end");
      if (!escape(out)) return wrong("a text has an escape that is not a character");
    }
  }

  /// What stands after a backslash.
  bool escape(std::string& out) {
    const char sign = rest_->front();
    rest_->remove_prefix(1);
    constexpr std::string_view signs = "\\'\"/nrtbfav0";
    constexpr std::string_view meant("\\'\"/\n\r\t\b\f\a\v\0", 12);
    if (const auto at = signs.find(sign); at != signs.npos) {
      out += meant[at];
      return true;
    }
    if (sign == '\n') return true;
    if (sign != 'x' && sign != 'u' && sign != 'U') {  // as Python has it
      (out += '\\') += sign;
      return true;
    }
    auto point = digits(sign == 'x' ? 2 : sign == 'u' ? 4 : 8);
    if (!point) return false;
    if (*point >= 0xD800 && *point < 0xDC00 && rest_->starts_with("\\u")) {
      rest_->remove_prefix(2);
      const auto low = digits(4);
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      point = 0x10000 + ((*point - 0xD800) << 10U) + (*low - 0xDC00);
    }
    if (*point > 0x10FFFF || (*point >= 0xD800 && *point <= 0xDFFF)) return false;
    out += text::to_utf8(std::u32string(1, static_cast<char32_t>(*point)));
    return true;
  }

  std::optional<std::uint32_t> digits(std::size_t count) {
    if (rest_->size() < count) return std::nullopt;
    std::uint32_t out = 0;
    const auto* const end = rest_->data() + count;
    const auto [at, error] = std::from_chars(rest_->data(), end, out, 16);
    if (error != std::errc() || at != end) return std::nullopt;
    rest_->remove_prefix(count);
    return out;
  }

  std::string_view* rest_;
};

}  // namespace

Read take_python_literal(std::string_view& text) {
  return LiteralReader(text).value(0);
}

std::string python_literal(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_bool()) return value.get_bool() ? "True" : "False";
  std::string out;
  if (value.is_array()) {
    for (const auto& item : value.get_array()) (out += out.empty() ? "[" : ", ") += python_literal(item);
    return out.empty() ? "[]" : out + "]";
  }
  if (!value.is_object()) return to_text(value);
  for (const auto& [key, member] : value.get_object())
    ((out += out.empty() ? "{" : ", ") += to_text(Json(key)) + ": ") += python_literal(member);
  return out.empty() ? "{}" : out + "}";
}

}  // namespace dspy::llama
