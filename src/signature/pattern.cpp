#include "dspy/signature/pattern.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "pattern_fault.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr std::size_t most_steps = 4096;  // bounds the time for each character of a text
constexpr int most_groups_deep = 100;
constexpr unsigned most_repetitions = 1000;
constexpr char32_t last_code_point = 0x10FFFF;

/// A set of code points: a table for ASCII, ranges for the rest.
struct CharacterSet {
  std::bitset<128> ascii = {};
  std::vector<std::pair<char32_t, char32_t>> ranges = {};

  void add(char32_t first, char32_t last) {
    for (char32_t c = first; c < 128 && c <= last; ++c) ascii.set(c);
    if (last >= 128) ranges.emplace_back(std::max<char32_t>(first, 128), last);
  }
  void add(const CharacterSet& other) {
    ascii |= other.ascii;
    ranges.insert(ranges.end(), other.ranges.begin(), other.ranges.end());
  }
  void negate() {
    ascii.flip();
    std::ranges::sort(ranges);
    std::vector<std::pair<char32_t, char32_t>> rest;
    char32_t next = 128;
    for (const auto& [first, last] : ranges) {
      if (first > next) rest.emplace_back(next, first - 1);
      next = std::max<char32_t>(next, last + 1);
    }
    if (next <= last_code_point) rest.emplace_back(next, last_code_point);
    ranges = std::move(rest);
  }
  void ignore_case() {
    for (char32_t c = 'a'; c <= 'z'; ++c) {
      const char32_t upper = c - 'a' + 'A';
      if (!ascii.test(c) && !ascii.test(upper)) continue;
      ascii.set(c);
      ascii.set(upper);
    }
  }
  bool contains(char32_t c) const {
    if (c < 128) return ascii.test(c);
    return std::ranges::any_of(ranges, [&](const auto& range) { return c >= range.first && c <= range.second; });
  }
};

CharacterSet set_of(char32_t first, char32_t last) {
  CharacterSet set;
  set.add(first, last);
  return set;
}

CharacterSet words() {
  auto set = set_of('a', 'z');
  set.add('A', 'Z');
  set.add('0', '9');
  set.add('_', '_');
  return set;
}

CharacterSet spaces() {
  auto set = set_of('\t', '\r');
  set.add(' ', ' ');
  return set;
}

bool is_word(char32_t c) noexcept {
  return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 128);
}

constexpr char32_t no_character = 0xFFFFFFFF;

/// The character at `position`, which moves behind it.
char32_t next_character(std::string_view text, std::size_t& position) noexcept {
  const auto first = static_cast<unsigned char>(text[position++]);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  char32_t c = first & (0x3FU >> more);
  for (int i = 0; i < more && position < text.size(); ++i)
    c = c << 6 | (static_cast<unsigned char>(text[position++]) & 0x3FU);
  return c;
}

/// One step of the machine.
struct Step {
  enum class Kind : std::uint8_t { character, set, any, split, jump, begin, end, border, no_border, match };
  Kind kind = Kind::match;
  std::uint32_t first = 0;   ///< The character, the index of the set, or where to go on.
  std::uint32_t second = 0;  ///< The other place of a `split`.
};

}  // namespace

struct Pattern::Program {
  std::string text = {};
  std::vector<Step> steps = {};
  std::vector<CharacterSet> sets = {};
};

namespace {

/// Reads an expression by descent and writes the steps.  A piece of the expression is a run of
/// steps whose jumps are relative, so that it can be moved and repeated.  Throws `PatternFault`.
class Compiler {
 public:
  explicit Compiler(std::string_view text) : text_(text) {}

  void compile(std::vector<Step>& steps, std::vector<CharacterSet>& sets) {
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
    steps = std::move(program);
    sets = std::move(sets_);
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
    if (most && *most < least) fail("has a repetition whose end is below its start", start, "swap the numbers");
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
        if (end == std::string_view::npos) fail("has a group whose name does not end", start, "add a `>`");
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

  /// `\d` and its like.
  static std::optional<CharacterSet> shorthand(char32_t letter) {
    CharacterSet out;
    switch (letter | 0x20) {
      case 'd': out = set_of('0', '9'); break;
      case 'w': out = words(); break;
      case 's': out = spaces(); break;
      default: return std::nullopt;
    }
    if (letter < 'a') out.negate();
    return out;
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

  /// The one character that an escape stands for; its backslash was read.
  char32_t escaped(std::size_t start) {
    if (at_end()) fail("ends in a backslash", start, R"(write a backslash as `\\`)");
    const auto c = next_character(text_, position_);
    switch (c) {
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case 'f': return '\f';
      case 'v': return '\v';
      case '0': return 0;
      case 'x': return hexadecimal(start, 2);
      case 'u': return hexadecimal(start, 4);
      default: break;
    }
    if (is_word(c) || c >= 128)
      fail(std::format(R"(has an escape `{}` that is not known)", text_.substr(start, position_ - start)), start,
           R"(write a backslash as `\\`)");
    return c;
  }

  char32_t hexadecimal(std::size_t start, std::size_t digits) {
    const bool is_braced = take('{');
    if (is_braced) {
      const auto closer = text_.find('}', position_);
      digits = closer == std::string_view::npos ? 0 : closer - position_;
    }
    const auto end = position_ + digits;
    char32_t value = 0;
    bool fine = digits > 0 && digits <= 6 && end <= text_.size();
    for (; fine && position_ < end; ++position_) {
      const char c = text_[position_];
      const char lower = static_cast<char>(c | 0x20);
      fine = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
      value = value * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : lower - 'a' + 10);
    }
    if (!fine || value > last_code_point)
      fail("has an escape that is no code point", start, R"(write it as `\x41` or `\u00e4`)");
    if (is_braced) ++position_;
    return value;
  }

  CharacterSet bracketed(std::size_t start) {
    CharacterSet out;
    const bool negated = take('^');
    for (bool first = true; first || at_end() || here() != ']'; first = false) {
      if (at_end()) fail("has a `[` that is not closed", start, "add a `]`");
      const auto place = position_;
      const auto low = bracketed_character(out);
      if (!low || here() != '-' || position_ + 1 >= text_.size() || text_[position_ + 1] == ']') {
        if (low) out.add(*low, *low);
        continue;
      }
      ++position_;
      const auto high = bracketed_character(out);
      if (!high || *high < *low) fail("has a range whose end is below its start", place, "swap its ends");
      out.add(*low, *high);
    }
    ++position_;
    if (ignore_case_) out.ignore_case();
    if (negated) out.negate();
    return out;
  }

  /// A character, or nothing where a set was added.
  std::optional<char32_t> bracketed_character(CharacterSet& out) {
    const auto start = position_;
    const auto c = next_character(text_, position_);
    if (c != '\\') return c;
    if (!at_end()) {
      if (const auto found = shorthand(static_cast<unsigned char>(here()))) {
        ++position_;
        out.add(*found);
        return std::nullopt;
      }
      if (take('b')) return '\b';
    }
    return escaped(start);
  }

  bool at_end() const noexcept { return position_ == text_.size(); }
  char here() const noexcept { return at_end() ? '\0' : text_[position_]; }
  bool take(char c) noexcept {
    if (at_end() || here() != c) return false;
    ++position_;
    return true;
  }

  [[noreturn]] void fail(std::string_view what, std::size_t position, std::string_view remedy) const {
    throw PatternFault{.what = std::string(what), .position = position, .remedy = std::string(remedy)};
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int depth_ = 0;
  bool ignore_case_ = false;
  std::vector<CharacterSet> sets_;
};

/// The places at which the machine stands: a list to walk, and where each place is in it.
class Places {
 public:
  explicit Places(std::uint16_t* memory, std::size_t count) : order_(memory), index_(memory + count) {}

  bool add(std::uint16_t place) noexcept {
    if (index_[place] < size_ && order_[index_[place]] == place) return false;
    index_[place] = size_;
    order_[size_++] = place;
    return true;
  }
  void clear() noexcept { size_ = 0; }
  bool empty() const noexcept { return size_ == 0; }
  const std::uint16_t* begin() const noexcept { return order_; }
  const std::uint16_t* end() const noexcept { return order_ + size_; }

 private:
  std::uint16_t* order_;
  std::uint16_t* index_;
  std::uint16_t size_ = 0;
};

class Matcher {
 public:
  Matcher(const std::vector<Step>& steps, const std::vector<CharacterSet>& sets, std::uint16_t* memory)
      : steps_(steps),
        sets_(sets),
        now_(memory, steps.size()),
        next_(memory + 2 * steps.size(), steps.size()),
        waiting_(memory + 4 * steps.size()) {}

  bool run(std::string_view text) {
    const bool anchored = steps_[0].kind == Step::Kind::begin;
    std::size_t position = 0;
    char32_t before = no_character;
    while (true) {
      auto after = position;
      const char32_t c = position == text.size() ? no_character : next_character(text, after);
      // Only places that wait for a character were kept; those that depend on it follow here.
      if (position == 0 || !anchored) enter(now_, 0, before, c);
      if (matched_) return true;
      if (c == no_character || (now_.empty() && anchored)) return false;
      auto following = after;
      const char32_t then = after == text.size() ? no_character : next_character(text, following);
      for (const auto place : now_) {
        if (accepts(steps_[place], c)) enter(next_, place + 1, c, then);
      }
      if (matched_) return true;
      std::swap(now_, next_);
      next_.clear();
      before = c;
      position = after;
    }
  }

 private:
  bool accepts(const Step& step, char32_t c) const {
    switch (step.kind) {
      case Step::Kind::character: return step.first == c;
      case Step::Kind::any: return c != '\n';
      case Step::Kind::set: return sets_[step.first].contains(c);
      default: return false;
    }
  }

  /// Adds the place and all that are reached from it without reading, between two characters.
  void enter(Places& places, std::size_t place, char32_t before, char32_t after) {
    std::size_t count = 0;
    const auto push = [&](std::size_t at) {
      if (places.add(static_cast<std::uint16_t>(at))) waiting_[count++] = static_cast<std::uint16_t>(at);
    };
    push(place);
    while (count > 0) {
      const std::size_t at = waiting_[--count];
      const auto& step = steps_[at];
      const bool is_border = is_word(before) != is_word(after);
      switch (step.kind) {
        case Step::Kind::split: push(step.second); [[fallthrough]];
        case Step::Kind::jump: push(step.first); break;
        case Step::Kind::begin:
          if (before == no_character) push(at + 1);
          break;
        case Step::Kind::end:
          if (after == no_character) push(at + 1);
          break;
        case Step::Kind::border:
          if (is_border) push(at + 1);
          break;
        case Step::Kind::no_border:
          if (!is_border) push(at + 1);
          break;
        case Step::Kind::match: matched_ = true; return;
        default: break;
      }
    }
  }

  const std::vector<Step>& steps_;
  const std::vector<CharacterSet>& sets_;
  Places now_;
  Places next_;
  std::uint16_t* waiting_;
  bool matched_ = false;
};

}  // namespace

Pattern::Pattern(std::string expression) {
  if (expression.empty()) return;
  Program program{.text = std::move(expression)};
  try {
    Compiler(program.text).compile(program.steps, program.sets);
  } catch (const PatternFault& fault) {
    throw Error(Errc::signature_error,
                std::format("the pattern {} at byte {} of it; {}", fault.what, fault.position, fault.remedy),
                {.position = fault.position, .raw = std::move(program.text)});
  }
  program_ = std::make_shared<const Program>(std::move(program));
}

std::optional<PatternFault> fault_of_pattern(std::string_view expression) {
  std::vector<Step> steps;
  std::vector<CharacterSet> sets;
  try {
    if (!expression.empty()) Compiler(expression).compile(steps, sets);
  } catch (PatternFault& fault) {
    return std::move(fault);
  }
  return std::nullopt;
}

const std::string& Pattern::text() const noexcept {
  static const std::string none;
  return program_ ? program_->text : none;
}

bool Pattern::is_found_in(std::string_view text) const {
  if (!program_) return true;
  constexpr std::size_t few = 128;  // steps whose places fit on the stack
  const auto count = program_->steps.size();
  if (count <= few) {
    std::array<std::uint16_t, 5 * few> memory{};
    return Matcher(program_->steps, program_->sets, memory.data()).run(text);
  }
  std::vector<std::uint16_t> memory(5 * count);
  return Matcher(program_->steps, program_->sets, memory.data()).run(text);
}

}  // namespace dspy
