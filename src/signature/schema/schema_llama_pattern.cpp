// Which regular expressions llama.cpp turns into the grammar that they mean: it translates them character by character,
// and holds the text between the quotation marks to them, escapes and all.

#include "base/unicode/letters.hpp"
#include "schema_rules.hpp"

#include <format>

namespace dspy::json_schema {
namespace {

class PatternWalk {
 public:
  explicit PatternWalk(std::string_view inside) : text_(inside) {}

  std::optional<std::string> problem() {
    while (!problem_ && at_ < text_.size()) step();
    return std::move(problem_);
  }

 private:
  char here(std::size_t ahead = 0) const noexcept { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void refuse(std::string_view why) { problem_ = std::string(why); }

  static bool is_quantifier(char c) noexcept { return c == '*' || c == '+' || c == '?' || c == '{'; }

  void step() {
    const char c = text_[at_++];
    switch (c) {
      case '\\': return escape();
      case '[': return character_class();
      case '"': return refuse("would write a quotation mark of a pattern without its backslash");
      case '.': return refuse("lets `.` be a quotation mark, which would end the text");
      case '^':
      case '$': return refuse("knows `^` and `$` only at the ends of a pattern");
      case '(':
        ++depth_;
        if (here() == '?') {
          if (here(1) != ':') return refuse("knows no flags and no look-around in patterns");
          at_ += 2;
        }
        return;
      case ')': depth_ -= depth_ > 0 ? 1 : 0; return;
      case '|':
        // The first and the last character are stripped, so `^a|b$` would become `a|b`.
        if (depth_ == 0) refuse("reads the `|` of this pattern with other ends; put the alternatives into a group");
        return;
      case '*':
      case '+':
      case '?':
        if (here() == '?') refuse("knows no lazy repetitions in patterns");
        return;
      case '{': return repetition();
      default: return;
    }
  }

  void escape() {
    constexpr std::string_view punctuation = "^$.[](){}|*+?";
    const char escaped = here();
    ++at_;
    if (text::is_letter(escaped) || text::is_digit(escaped))
      return refuse(std::format("knows no `\\{}` in patterns", escaped));
    if (!punctuation.contains(escaped)) return refuse(std::format("cannot write the `\\{}` of a pattern", escaped));
    if (is_quantifier(here())) refuse("repeats more than an escaped character of a pattern; put it into a class");
  }

  void character_class() {
    if (here() == '^') return refuse("lets a negated class be a quotation mark, which would end the text");
    bool is_first = true;
    while (at_ < text_.size() && (here() != ']' || is_first)) {
      is_first = false;
      const auto first = class_character();
      if (problem_) return;
      auto last = first;
      if (here() == '-' && here(1) != ']' && at_ + 1 < text_.size()) {
        ++at_;
        last = class_character();
        if (problem_) return;
      }
      const auto holds = [&](unsigned char c) { return first <= c && c <= last; };
      if (first < 0x20 || holds('"') || holds('\\'))
        return refuse("would write a character of a class without its backslash");
    }
    ++at_;
  }

  unsigned char class_character() {
    const char c = text_[at_++];
    if (c != '\\') return static_cast<unsigned char>(c);
    const char escaped = here();
    ++at_;
    if (escaped != '[' && escaped != ']') refuse(std::format("knows no `\\{}` in a class", escaped));
    return static_cast<unsigned char>(escaped);
  }

  void repetition() {
    const auto end = text_.find('}', at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    if (here() == '?') refuse("knows no lazy repetitions in patterns");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::optional<std::string> problem_;
};

}  // namespace

std::optional<std::string> llama_pattern_problem(std::string_view pattern) {
  const bool has_ends = pattern.size() >= 2 && pattern.starts_with('^') && pattern.ends_with('$');
  std::size_t backslashes = 0;
  if (has_ends) {
    while (pattern[pattern.size() - 2 - backslashes] == '\\') ++backslashes;
  }
  if (!has_ends || backslashes % 2 == 1) return "takes patterns only from `^` to `$`";
  return PatternWalk(pattern.substr(1, pattern.size() - 2)).problem();
}

}  // namespace dspy::json_schema
