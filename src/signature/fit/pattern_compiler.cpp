// Expressions compiled to the steps of a machine.

#include "dspy/base/text.hpp"
#include "pattern_program.hpp"
#include "pattern_text.hpp"

#include <format>
#include <optional>
#include <string>
#include <utility>

namespace dspy::patterns {
namespace {

constexpr std::size_t most_steps = 4096;  // bounds the time for each character of a text
constexpr int most_groups_deep = 100;
constexpr unsigned most_repetitions = 1000;

/// Reads an expression by descent and writes the steps.  A piece of the expression is a run of
/// steps whose jumps are relative, so that it can be moved and repeated.  Throws `PatternFault`.
class Compiler : PatternText {
 public:
  explicit Compiler(std::string_view text) : PatternText(text) {}

  Program compile() {
    if (const auto position = text::invalid_utf8(text_)) fail("is not UTF-8", *position, "save the text as UTF-8");
    if (text_.starts_with("(?i)")) {
      ignore_case_ = true;
      position_ = 4;
    }
    auto program = alternatives();
    if (!at_end()) fail("has a `)` too many", position_, R"(write it as `\)`, or take it away)");
    program.push_back({.kind = Step::Kind::match});
    for (std::uint32_t i = 0; i < program.size(); ++i) {  // relative to absolute
      auto& step = program[i];
      if (step.kind == Step::Kind::split || step.kind == Step::Kind::jump) step.first += i;
      if (step.kind == Step::Kind::split) step.second += i;
    }
    return {.steps = std::move(program), .sets = std::move(sets_)};
  }

 private:
  using Piece = std::vector<Step>;

  static std::uint32_t distance(std::size_t steps) { return static_cast<std::uint32_t>(steps); }
  static std::uint32_t back(std::size_t steps) { return 0U - static_cast<std::uint32_t>(steps); }

  void append(Piece& out, const Piece& piece) const {
    if (out.size() + piece.size() > most_steps)
      fail(std::format("has more than {} steps", most_steps), 0, "use fewer or smaller repetitions");
    out.insert(out.end(), piece.begin(), piece.end());
  }

  Piece alternatives() {
    auto out = sequence();
    while (take('|')) {
      const auto other = sequence();
      Piece both{{.kind = Step::Kind::split, .first = 1, .second = distance(out.size() + 2)}};
      append(both, out);
      both.push_back({.kind = Step::Kind::jump, .first = distance(other.size() + 1)});
      append(both, other);
      out = std::move(both);
    }
    return out;
  }

  Piece sequence() {
    Piece out;
    while (!at_end() && here() != '|' && here() != ')') append(out, repeated());
    return out;
  }

  Piece repeated() {
    const auto start = position_;
    auto piece = atom();
    const bool is_place = piece.size() == 1 && piece[0].kind >= Step::Kind::begin;
    const auto range = repetition();
    if (!range) return piece;
    if (is_place) fail("repeats a place such as `^`", start, "take the repetition away");
    take('?');  // the lazy form matches the same texts
    const auto next = position_;
    if (!at_end() && here() == '+') fail("repeats without going back", next, "take the second `+` away");
    if (repetition()) fail("repeats a repetition", next, "put the first one into `(?:…)`");
    return repeat(piece, range->first, range->second);
  }

  using Range = std::pair<unsigned, std::optional<unsigned>>;

  std::optional<Range> repetition() {
    if (take('*')) return Range{0, std::nullopt};
    if (take('+')) return Range{1, std::nullopt};
    if (take('?')) return Range{0, 1};
    if (here() != '{' || !looks_like_count()) return std::nullopt;
    const auto start = position_++;
    const auto least = count();
    std::optional<unsigned> most = least;
    if (take(',')) most = here() == '}' ? std::nullopt : std::optional(count());
    take('}');
    if (most && *most < least) fail("has a repetition whose maximum is below its minimum", start, "swap the numbers");
    return Range{least, most};
  }

  /// True at `{2}`, `{2,}` and `{2,5}`; any other `{` is a character.
  bool looks_like_count() const noexcept {
    auto i = position_ + 1;
    const auto digits = [&] {
      const auto start = i;
      while (i < text_.size() && text_[i] >= '0' && text_[i] <= '9') ++i;
      return i > start;
    };
    if (!digits()) return false;
    if (i < text_.size() && text_[i] == ',') {
      ++i;
      digits();
    }
    return i < text_.size() && text_[i] == '}';
  }

  unsigned count() {
    const auto start = position_;
    unsigned value = 0;
    while (!at_end() && here() >= '0' && here() <= '9') {
      value = value * 10 + static_cast<unsigned>(text_[position_++] - '0');
      if (value > most_repetitions)
        fail(std::format("repeats more than {} times", most_repetitions), start, "use min_length and max_length");
    }
    return value;
  }

  Piece repeat(const Piece& piece, unsigned least, std::optional<unsigned> most) const {
    Piece out;
    for (unsigned i = 0; i < least; ++i) append(out, piece);
    if (!most) {
      const auto size = piece.size();
      Piece loop{{.kind = Step::Kind::split, .first = 1, .second = distance(size + 2)}};
      append(loop, piece);
      loop.push_back({.kind = Step::Kind::jump, .first = back(size + 1)});
      append(out, loop);
      return out;
    }
    for (unsigned i = least; i < *most; ++i) {
      // Each further one is optional, and leaving one out leaves out the rest.
      const auto left = (*most - i) * (piece.size() + 1);
      append(out, {{.kind = Step::Kind::split, .first = 1, .second = distance(left)}});
      append(out, piece);
    }
    return out;
  }

  Piece atom() {
    const auto start = position_;
    const auto c = next_character(text_, position_);
    switch (c) {
      case '(': return group(start);
      case '[': return {set(bracketed(start))};
      case '.': return {{.kind = Step::Kind::any}};
      case '^': return {{.kind = Step::Kind::begin}};
      case '$': return {{.kind = Step::Kind::end}};
      case '\\': return escape(start);
      case '*':
      case '+':
      case '?': fail("repeats nothing", start, std::format(R"(write the character as `\{}`)", static_cast<char>(c)));
      default: return {character(c)};
    }
  }

  Step character(char32_t c) {
    if (!ignore_case_ || c >= 128 || (c | 0x20) < 'a' || (c | 0x20) > 'z')
      return {.kind = Step::Kind::character, .first = static_cast<std::uint32_t>(c)};
    return set(set_of(c, c));
  }

  Step set(CharacterSet characters) {
    if (ignore_case_) characters.ignore_case();
    sets_.push_back(std::move(characters));
    return {.kind = Step::Kind::set, .first = distance(sets_.size() - 1)};
  }

  Piece group(std::size_t start) {
    if (take('?')) {
      if (take('P')) {
        if (here() != '<' || at_end()) fail("refers to a group", start, "write out what the group matches");
      }
      if (take('<')) {
        if (!at_end() && (here() == '=' || here() == '!')) fail_looking(start);
        const auto end = text_.find('>', position_);
        if (end == std::string_view::npos) fail("has a group with an unterminated name", start, "add a `>`");
        position_ = end + 1;
      } else if (!take(':')) {
        if (!at_end() && (here() == '=' || here() == '!')) fail_looking(start);
        fail("has a kind of group that is not known", start, "write `(?:…)`, or `(?i)` at the start");
      }
    }
    if (++depth_ > most_groups_deep) fail("has groups nested too deep", start, "use fewer");
    auto out = alternatives();
    --depth_;
    if (!take(')')) fail("has a `(` that is not closed", start, "add a `)`");
    return out;
  }

  [[noreturn]] void fail_looking(std::size_t start) const {
    fail("looks ahead or behind", start, "use a validator of your own for that");
  }

  Piece escape(std::size_t start) {
    if (!at_end()) {
      const char letter = here();
      if (auto found = shorthand(static_cast<unsigned char>(letter))) {
        ++position_;
        return {set(*std::move(found))};
      }
      ++position_;
      if (letter == 'b') return {{.kind = Step::Kind::border}};
      if (letter == 'B') return {{.kind = Step::Kind::no_border}};
      if (letter == 'A') return {{.kind = Step::Kind::begin}};
      if (letter == 'z' || letter == 'Z') return {{.kind = Step::Kind::end}};
      if (letter >= '1' && letter <= '9') fail("refers to a group", start, "write out what the group matches");
      --position_;
    }
    return {character(escaped(start))};
  }

  int depth_ = 0;
  std::vector<CharacterSet> sets_;
};

}  // namespace

Program compile(std::string_view expression) {
  return Compiler(expression).compile();
}

}  // namespace dspy::patterns
