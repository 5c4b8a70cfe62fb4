#include "llama/jinja/parsing/lexer.hpp"

#include "base/unicode/letters.hpp"
#include "llama/jinja/parsing/string_literal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {
namespace {

constexpr std::string_view spaces = " \t\n\r\v\f";
// Longer ones first.
constexpr std::array<std::string_view, 26> signs = {"//", "**", "==", "!=", "<=", ">=", "+", "-", "*",
                                                    "/",  "%",  "~",  "<",  ">",  "=",  ".", ",", ":",
                                                    "|",  "(",  ")",  "[",  "]",  "{",  "}", ";"};

using dspy::text::is_digit;

bool is_letter(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
         static_cast<unsigned char>(byte) >= 0x80;
}

/// Line ends as templates see them, without the last.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) data();
    add(Token::Kind::end, {});
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool sees(std::string_view what) const { return rest().starts_with(what); }

  void go(std::size_t bytes) {
    for (; bytes > 0; --bytes, ++at_) {
      if (source_[at_] == '\n') {
        ++place_.line;
        place_.column = 1;
      } else {
        ++place_.column;
      }
    }
  }

  void add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), place_}); }

  std::size_t next_tag() const {
    auto brace = at_;
    while ((brace = source_.find('{', brace)) != std::string::npos) {
      if (brace + 1 < source_.size() && std::string_view("{%#").contains(source_[brace + 1])) return brace;
      ++brace;
    }
    return source_.size();
  }

  /// What stands before the tag at `tag`, and then the tag.
  void data() {
    const auto tag = next_tag();
    auto text = source_.substr(at_, tag - at_);
    const bool begins_line = line_starts_;
    if (tag == source_.size()) {
      if (!text.empty()) add(Token::Kind::data, std::move(text));
      go(tag - at_);
      return;
    }
    const char what = source_[tag + 1];
    const char mark = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    if (mark == '-') {
      text.resize(text.find_last_not_of(spaces) + 1);
    } else if (mark != '+' && what != '{') {  // only blanks since the line began
      const auto line = text.rfind('\n') + 1;
      if ((line > 0 || begins_line) && text.find_first_not_of(spaces, line) == std::string::npos) text.resize(line);
    }
    if (!text.empty()) add(Token::Kind::data, std::move(text));
    go(tag - at_);
    const auto begins = place_;
    go(mark == '-' || mark == '+' ? 3 : 2);
    if (what == '#')
      comment(begins);
    else
      expression(what == '{', begins);
  }

  void comment(Place begins) {
    const auto end = source_.find("#}", at_);
    if (end == std::string::npos) throw fault(begins, "an unterminated comment; close it with `#}`");
    const bool strips = end > at_ && source_[end - 1] == '-';
    const bool keeps = end > at_ && source_[end - 1] == '+';
    go(end + 2 - at_);
    after_tag(strips, !keeps);
  }

  /// White space after a tag: all of it, or one line end, or none.
  void after_tag(bool strips, bool trims) {
    const auto begin = at_;
    if (strips)
      go(std::min(rest().find_first_not_of(spaces), rest().size()));
    else if (trims && sees("\n"))
      go(1);
    line_starts_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  bool raw_begins() {
    auto look = rest();
    const auto skip = [&] { look.remove_prefix(std::min(look.find_first_not_of(spaces), look.size())); };
    skip();
    if (!look.starts_with("raw")) return false;
    look.remove_prefix(3);
    skip();
    const bool strips = look.starts_with("-%}");
    if (!strips && !look.starts_with("%}")) return false;
    go(rest().size() - look.size() + (strips ? 3 : 2));
    after_tag(strips, true);
    return true;
  }

  void raw(Place begins) {
    const auto start = at_;
    for (auto tag = source_.find("{%", start); tag != std::string::npos; tag = source_.find("{%", tag + 2)) {
      std::string_view look = std::string_view(source_).substr(tag + 2);
      const bool strips_before = look.starts_with('-');
      if (strips_before || look.starts_with('+')) look.remove_prefix(1);
      look.remove_prefix(std::min(look.find_first_not_of(spaces), look.size()));
      if (!look.starts_with("endraw")) continue;
      look.remove_prefix(6);
      look.remove_prefix(std::min(look.find_first_not_of(spaces), look.size()));
      const bool strips = look.starts_with('-');
      if (strips) look.remove_prefix(1);
      if (!look.starts_with("%}")) continue;
      auto text = source_.substr(start, tag - start);
      if (strips_before) {
        text.resize(text.find_last_not_of(spaces) + 1);
      } else if (const auto line = text.rfind('\n') + 1;
                 line > 0 && text.find_first_not_of(spaces, line) == text.npos) {
        text.resize(line);
      }
      if (!text.empty()) add(Token::Kind::data, std::move(text));
      go(source_.size() - look.size() + 2 - at_);
      after_tag(strips, true);
      return;
    }
    throw fault(begins, "an unterminated `raw`; close it with `{% endraw %}`");
  }

  void expression(bool is_print, Place begins) {
    if (!is_print && raw_begins()) return raw(begins);
    const auto kinds = is_print ? std::pair(Token::Kind::print_begin, Token::Kind::print_end)
                                : std::pair(Token::Kind::tag_begin, Token::Kind::tag_end);
    tokens_.push_back({kinds.first, {}, begins});
    const std::string_view close = is_print ? "}}" : "%}";
    std::vector<char> open;
    for (;;) {
      go(std::min(rest().find_first_not_of(spaces), rest().size()));
      if (at_ == source_.size()) throw fault(begins, std::format("an unterminated tag; close it with `{}`", close));
      if (open.empty()) {
        const bool marked = sees("-") || (!is_print && sees("+"));
        if (rest().substr(marked ? 1 : 0).starts_with(close)) {
          const bool strips = sees("-"), keeps = sees("+");
          add(kinds.second, {});
          go(marked ? 3 : 2);
          return after_tag(strips, !is_print && !keeps);
        }
      }
      token(open);
    }
  }

  void token(std::vector<char>& open) {
    const char first = source_[at_];
    if (is_letter(first)) {
      std::size_t size = 1;
      while (at_ + size < source_.size() && (is_letter(source_[at_ + size]) || is_digit(source_[at_ + size]))) ++size;
      add(Token::Kind::name, source_.substr(at_, size));
      return go(size);
    }
    if (is_digit(first)) return number();
    if (first == '"' || first == '\'') {
      const auto size = string_size(rest());
      if (!size) throw fault(place_, "an unterminated string; close it with its opening quote");
      add(Token::Kind::string, string_value(rest().substr(1, *size - 2)));
      return go(*size);
    }
    const auto found = std::ranges::find_if(signs, [&](std::string_view sign) { return sees(sign); });
    if (found == signs.end()) throw fault(place_, std::format("`{}` means nothing here", first));
    if (std::string_view("([{").contains(first)) open.push_back(first);
    if (std::string_view(")]}").contains(first)) {
      constexpr std::string_view pairs = "()[]{}";
      if (open.empty() || pairs[pairs.find(first) - 1] != open.back())
        throw fault(place_, std::format("`{}` closes nothing", first));
      open.pop_back();
    }
    add(Token::Kind::sign, std::string(*found));
    go(found->size());
  }

  void number() {
    std::size_t size = 0;
    std::string digits;
    const auto more = [&] {
      while (at_ + size < source_.size() && (is_digit(source_[at_ + size]) || source_[at_ + size] == '_')) {
        if (source_[at_ + size] != '_') digits += source_[at_ + size];
        ++size;
      }
    };
    const auto byte = [&](std::size_t ahead) {
      return at_ + size + ahead < source_.size() ? source_[at_ + size + ahead] : '\0';
    };
    more();
    bool is_float = false;
    if (byte(0) == '.' && is_digit(byte(1))) {
      is_float = true;
      digits += '.';
      ++size;
      more();
    }
    const std::size_t sign = byte(1) == '+' || byte(1) == '-' ? 1 : 0;
    if ((byte(0) == 'e' || byte(0) == 'E') && is_digit(byte(1 + sign))) {
      is_float = true;
      digits += 'e';
      if (sign != 0) digits += byte(1);
      size += 1 + sign;
      more();
    }
    add(is_float ? Token::Kind::floating : Token::Kind::integer, std::move(digits));
    go(size);
  }

  std::string source_;
  std::size_t at_ = 0;
  Place place_;
  bool line_starts_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace dspy::llama::jinja
