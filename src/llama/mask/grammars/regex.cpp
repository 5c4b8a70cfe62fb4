#include "llama/mask/grammars/regex.hpp"

#include "dspy/base/text.hpp"
#include "llama/mask/expressions/characters.hpp"

#include <format>
#include <optional>
#include <utility>

namespace dspy::llama::mask {
namespace {

const CharSet digits = {{'0', '9'}};
const CharSet words = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharSet blanks = {{'\t', '\r'}, {' ', ' '}};

constexpr std::size_t deepest = 200;
constexpr std::uint32_t most_repetitions = 100'000;

/// Reads one pattern by recursive descent.  A problem is thrown within, and returned by `parse_regex`.
class Parser {
 public:
  Parser(Pool& pool, std::string_view text, Match match)
      : pool_(pool), text_(text), match_(match), any_(pool.star(one_of(pool, CharSet::all()))) {}

  Expr parse() {
    const auto out = alternatives(true);
    if (at_ < text_.size()) fail("`)` closes nothing; write `\\)` for the character");
    return out;
  }

 private:
  [[noreturn]] void fail(std::string message) const { fail_at(at_, std::move(message)); }
  [[noreturn]] static void fail_at(std::size_t position, std::string message) {
    throw SyntaxProblem{.message = std::move(message), .position = position};
  }

  bool at(char c) const noexcept { return at_ < text_.size() && text_[at_] == c; }
  bool at(std::string_view text) const noexcept { return text_.substr(at_).starts_with(text); }
  bool skip(char c) noexcept {
    if (!at(c)) return false;
    ++at_;
    return true;
  }
  bool skip(std::string_view text) noexcept {
    if (!at(text)) return false;
    at_ += text.size();
    return true;
  }

  /// `outermost`: what surrounds the alternatives is nothing, so that anchors may stand in them, and where there are
  /// none, any text may come before and after if a part is to match.
  Expr alternatives(bool outermost) {
    if (++depth_ > deepest) fail("groups are nested too deeply");
    std::vector<Expr> out;
    do out.push_back(sequence(outermost));
    while (skip('|'));
    --depth_;
    return pool_.alt(out);
  }

  Expr sequence(bool outermost) {
    const bool from_start = at('^');
    if (from_start && !outermost) fail("`^` can stand at the start of the expression only");
    while (skip('^')) {
    }
    std::vector<Expr> parts;
    bool to_end = false;
    while (at_ < text_.size() && !at('|') && !at(')')) {
      if (to_end) fail_at(at_ - 1, "`$` can stand at the end of the expression only");
      if (skip('$')) {
        if (!outermost) fail_at(at_ - 1, "`$` can stand at the end of the expression only");
        to_end = true;
        while (skip('$')) {
        }
      } else {
        parts.push_back(quantified());
      }
    }
    Expr out = outermost && match_ == Match::part && !to_end ? any_ : Pool::empty;
    for (auto i = parts.size(); i-- > 0;) out = pool_.seq(parts[i], out);
    return outermost && match_ == Match::part && !from_start ? pool_.seq(any_, out) : out;
  }

  Expr quantified() {
    auto out = atom();
    for (int count = 0; at_ < text_.size(); ++count) {
      const auto start = at_;
      std::uint32_t min = 0;
      std::uint32_t max = Pool::unbounded;
      if (skip('*')) {
      } else if (skip('+')) {
        min = 1;
      } else if (skip('?')) {
        max = 1;
      } else if (!at('{') || !bounds(min, max)) {
        return out;
      }
      if (count != 0) fail_at(start, "one quantifier follows another");
      if (at('+')) fail("possessive quantifiers cannot be held by a mask");
      skip('?');
      out = pool_.repeat(out, min, max);
    }
    return out;
  }

  /// `{2}`, `{2,}`, `{,3}`, `{2,3}`; any other brace is a character.
  bool bounds(std::uint32_t& min, std::uint32_t& max) {
    const auto start = at_++;
    const auto low = number();
    const bool comma = skip(',');
    const auto high = comma ? number() : low;
    if ((!low && !high) || !skip('}')) {
      at_ = start;
      return false;
    }
    min = low.value_or(0);
    max = high.value_or(Pool::unbounded);
    if (min > max) fail_at(start, std::format("`{}` asks for more than it allows", text_.substr(start, at_ - start)));
    return true;
  }

  std::optional<std::uint32_t> number() {
    const auto start = at_;
    std::uint32_t out = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      out = out * 10 + static_cast<std::uint32_t>(text_[at_] - '0');
      if (out > most_repetitions) fail_at(start, std::format("more than {} repetitions", most_repetitions));
    }
    return at_ == start ? std::nullopt : std::optional(out);
  }

  Expr atom() {
    switch (text_[at_]) {
      case '(': return group();
      case '[': return one_of(pool_, set());
      case '*':
      case '+':
      case '?': fail(std::format("`{}` has nothing to repeat; write `\\{}` for the character", text_[at_], text_[at_]));
      case '^': fail("`^` can stand at the start of the expression only");
      case '.': ++at_; return one_of(pool_, CharSet({{'\n', '\n'}}).complement());
      case '{':
        if (brace_is_quantifier()) fail("`{` has nothing to repeat; write `\\{` for the character");
        break;
      case '\\': return one_of(pool_, escape());
      default: break;
    }
    const auto character = next_character(text_, at_);
    return one_of(pool_, {{character, character}});
  }

  bool brace_is_quantifier() {
    std::uint32_t min = 0;
    std::uint32_t max = 0;
    const auto start = at_;
    const bool out = bounds(min, max);
    at_ = start;
    return out;
  }

  Expr group() {
    const auto start = at_++;
    if (at("?=") || at("?!") || at("?<=") || at("?<!")) fail_at(start, "looking around cannot be held by a mask");
    if (skip("?P<") || skip("?<")) {
      while (at_ < text_.size() && !at('>')) ++at_;
      if (!skip('>')) fail_at(start, "the name of a group is unterminated");
    } else if (!skip("?:") && at('?')) {
      fail_at(start, "flags, conditions and back references cannot be held by a mask");
    }
    const auto out = alternatives(false);
    if (!skip(')')) fail_at(start, "`(` is not closed");
    return out;
  }

  static char32_t hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return static_cast<char32_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<char32_t>(c - 'a' + 10);
    return c >= 'A' && c <= 'F' ? static_cast<char32_t>(c - 'A' + 10) : 16;
  }

  char32_t hex(std::size_t size) {
    const auto start = at_ - 2;
    char32_t out = 0;
    for (std::size_t i = 0; i < size; ++i, ++at_) {
      const auto digit = at_ < text_.size() ? hex_digit(text_[at_]) : 16;
      if (digit == 16) fail_at(start, std::format("`\\{}` needs {} hexadecimal digits", text_[start + 1], size));
      out = out << 4 | digit;
    }
    if (out > 0x10FFFF || (out >= 0xD800 && out <= 0xDFFF)) fail_at(start, "is not a character");
    return out;
  }

  CharSet escape() {
    const auto start = at_++;
    if (at_ == text_.size()) fail_at(start, "`\\` has nothing to escape");
    const auto character = next_character(text_, at_);
    const auto just = [](char32_t c) { return CharSet{{c, c}}; };
    switch (character) {
      case 'd': return digits;
      case 'D': return digits.complement();
      case 'w': return words;
      case 'W': return words.complement();
      case 's': return blanks;
      case 'S': return blanks.complement();
      case 'n': return just('\n');
      case 'r': return just('\r');
      case 't': return just('\t');
      case 'f': return just('\f');
      case 'v': return just('\v');
      case '0': return just(0);
      case 'x': return just(hex(2));
      case 'u': return just(hex(4));
      case 'U': return just(hex(8));
      default: break;
    }
    if (character >= '1' && character <= '9') fail_at(start, "back references cannot be held by a mask");
    const bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
    if (letter) fail_at(start, std::format("`\\{}` cannot be held by a mask", static_cast<char>(character)));
    return just(character);
  }

  CharSet set() {
    const auto start = at_++;
    const bool negated = skip('^');
    CharSet out;
    for (bool first = true; first || !at(']'); first = false) {
      if (at_ >= text_.size()) fail_at(start, "`[` is not closed");
      const auto low_at = at_;
      const auto low = set_item();
      if (!at('-') || at("-]") || low.ranges().size() != 1 || low.ranges()[0].first != low.ranges()[0].last) {
        out.add(low);
        continue;
      }
      ++at_;
      if (at_ >= text_.size()) fail_at(start, "`[` is not closed");
      const auto high = set_item();
      const auto from = low.ranges()[0].first;
      const auto& last = high.ranges();
      if (last.size() != 1 || last[0].first != last[0].last || last[0].first < from)
        fail_at(low_at, std::format("`{}` is not a range", text_.substr(low_at, at_ - low_at)));
      for (const auto& range : last) out.add({from, range.last});
    }
    ++at_;
    out = negated ? out.complement() : out;
    if (out.empty()) fail_at(start, "no character is in this set");
    return out;
  }

  CharSet set_item() {
    if (at("[:")) fail("named classes are not understood; write `\\d`, `\\w`, `\\s` or the characters");
    if (at("\\b")) {
      at_ += 2;
      return {{'\b', '\b'}};
    }
    if (at('\\')) return escape();
    const auto character = next_character(text_, at_);
    return {{character, character}};
  }

  Pool& pool_;
  std::string_view text_;
  Match match_;
  Expr any_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

std::expected<Expr, SyntaxProblem> parse_regex(Pool& pool, std::string_view pattern, Match match) {
  if (const auto broken = text::invalid_utf8(pattern))
    return std::unexpected(SyntaxProblem{.message = "is not UTF-8", .position = *broken});
  try {
    return Parser(pool, pattern, match).parse();
  } catch (SyntaxProblem& problem) {
    return std::unexpected(std::move(problem));
  }
}

}  // namespace dspy::llama::mask
