#include "llama/mask/grammars/gbnf.hpp"

#include "base/unicode/utf8.hpp"
#include "dspy/base/text.hpp"
#include "llama/mask/expressions/characters.hpp"

#include <format>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dspy::llama::mask {
namespace {

constexpr std::size_t deepest = 200;
constexpr std::size_t most_rules = 10'000;
constexpr std::uint32_t most_repetitions = 100'000;

/// Reads one grammar by recursive descent.  A problem is thrown within, and returned by `parse_gbnf`.
class Parser {
 public:
  Parser(Pool& pool, std::string_view text) : pool_(pool), text_(text) {}

  Expr parse() {
    for (skip_space(true); at_ < text_.size(); skip_space(true)) definition();
    const auto root = rules_.find("root");
    if (root == rules_.end()) fail_at(0, "there is no rule `root`; name the start rule `root`");
    if (const auto problem = pool_.check_rules()) complain(*problem);
    return root->second.expr;
  }

 private:
  struct Rule {
    Expr expr = Pool::nothing;
    std::size_t first_use = 0;
    bool defined = false;
  };

  [[noreturn]] void fail(std::string message) const { fail_at(at_, std::move(message)); }
  [[noreturn]] static void fail_at(std::size_t position, std::string message) {
    throw SyntaxProblem{.message = std::move(message), .position = position};
  }

  [[noreturn]] void complain(const Pool::Problem& problem) const {
    const auto found = rules_.find(problem.rule);
    const auto at = found == rules_.end() ? 0 : found->second.first_use;
    switch (problem.kind) {
      case Pool::Problem::Kind::undefined: fail_at(at, std::format("there is no rule `{}`", problem.rule));
      case Pool::Problem::Kind::endless: fail_at(at, std::format("the rule `{}` never ends", problem.rule));
      case Pool::Problem::Kind::left_recursion:
        fail_at(at, std::format("the rule `{}` is left-recursive; make it right-recursive, as in `list ::= item list?`",
                                problem.rule));
    }
    std::unreachable();
  }

  bool at(char c) const noexcept { return at_ < text_.size() && text_[at_] == c; }
  bool skip(char c) noexcept {
    if (!at(c)) return false;
    ++at_;
    return true;
  }

  void skip_space(bool lines) noexcept {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  static bool is_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }

  std::string_view name() {
    const auto start = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    if (at_ == start) fail("expected the name of a rule");
    return text_.substr(start, at_ - start);
  }

  Rule& rule(std::string_view name, std::size_t position) {
    const auto [found, is_new] = rules_.try_emplace(std::string(name));
    if (!is_new) return found->second;
    if (rules_.size() > most_rules) fail(std::format("more than {} rules", most_rules));
    found->second = {.expr = pool_.rule(std::string(name)), .first_use = position};
    return found->second;
  }

  void definition() {
    const auto start = at_;
    const auto named = name();
    skip_space(false);
    if (!text_.substr(at_).starts_with("::=")) fail(std::format("expected `::=` after `{}`", named));
    at_ += 3;
    skip_space(true);
    auto& defined = rule(named, start);
    if (std::exchange(defined.defined, true)) fail_at(start, std::format("the rule `{}` is defined twice", named));
    const auto expr = defined.expr;
    pool_.define(expr, alternatives(false));
    if (at_ < text_.size() && !at('\n') && !at('\r')) fail("expected the end of the line");
  }

  Expr alternatives(bool in_group) {
    if (++depth_ > deepest) fail("groups are nested too deeply");
    std::vector<Expr> out;
    while (true) {
      out.push_back(sequence(in_group));
      if (!skip('|')) break;
      skip_space(true);
    }
    --depth_;
    return pool_.alt(out);
  }

  Expr sequence(bool in_group) {
    std::vector<Expr> parts;
    while (at_ < text_.size() && !at('|') && !at(')') && !at('\n') && !at('\r')) {
      parts.push_back(quantified(in_group));
      skip_space(in_group);
    }
    Expr out = Pool::empty;
    for (auto i = parts.size(); i-- > 0;) out = pool_.seq(parts[i], out);
    return out;
  }

  Expr quantified(bool in_group) {
    auto out = item();
    while (true) {
      skip_space(in_group);
      if (skip('*')) {
        out = pool_.star(out);
      } else if (skip('+')) {
        out = pool_.repeat(out, 1);
      } else if (skip('?')) {
        out = pool_.optional(out);
      } else if (at('{')) {
        out = bounded(out);
      } else {
        return out;
      }
    }
  }

  Expr bounded(Expr body) {
    const auto start = at_++;
    const auto number = [&](std::uint32_t fallback) {
      skip_space(false);
      std::uint32_t out = 0;
      const auto first = at_;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        out = out * 10 + static_cast<std::uint32_t>(text_[at_] - '0');
        if (out > most_repetitions) fail_at(first, std::format("more than {} repetitions", most_repetitions));
      }
      const bool found = at_ != first;
      skip_space(false);
      return found ? out : fallback;
    };
    const auto min = number(0);
    const auto max = skip(',') ? number(Pool::unbounded) : min;
    if (!skip('}') || min > max) fail_at(start, "expected `{n}`, `{n,}`, `{,m}` or `{n,m}` with n up to m");
    return pool_.repeat(body, min, max);
  }

  Expr item() {
    const auto start = at_;
    if (skip('"')) {
      std::string literal;
      while (!at('"')) {
        if (at_ >= text_.size() || at('\n')) fail_at(start, "the literal has no end");
        append_utf8(literal, character());
      }
      ++at_;
      return pool_.literal(literal);
    }
    if (at('[')) return set();
    if (skip('.')) return one_of(pool_, CharSet::all());
    if (skip('(')) {
      skip_space(true);
      const auto out = alternatives(true);
      if (!skip(')')) fail_at(start, "`(` is not closed");
      return out;
    }
    if (at('<') || at('!')) fail("tokens cannot be named in a mask's grammar; write their text");
    if (at_ >= text_.size() || !is_name(text_[at_])) fail("expected a literal, a set, a group or the name of a rule");
    return rule(name(), start).expr;
  }

  Expr set() {
    const auto start = at_++;
    const bool negated = skip('^');
    CharSet out;
    while (!at(']')) {
      if (at_ >= text_.size()) fail_at(start, "`[` is not closed");
      const auto first = character();
      auto last = first;
      if (at('-') && !text_.substr(at_).starts_with("-]")) {
        ++at_;
        if (at_ >= text_.size()) fail_at(start, "`[` is not closed");
        last = character();
        if (last < first) fail_at(start, "a range in this set is reversed");
      }
      out.add({first, last});
    }
    ++at_;
    const auto expr = one_of(pool_, negated ? out.complement() : out);
    if (expr == Pool::nothing) fail_at(start, "no character is in this set");
    return expr;
  }

  char32_t character() {
    const auto start = at_;
    if (!skip('\\')) return next_character(text_, at_);
    if (at_ == text_.size()) fail_at(start, "`\\` has nothing to escape");
    const char c = text_[at_++];
    switch (c) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case 'x': return hex(start, 2);
      case 'u': return hex(start, 4);
      case 'U': return hex(start, 8);
      case '"':
      case '\\':
      case '[':
      case ']':
      case '-':
      case '^': return static_cast<char32_t>(c);
      default: fail_at(start, std::format("`\\{}` is not an escape", c));
    }
  }

  char32_t hex(std::size_t start, std::size_t size) {
    char32_t out = 0;
    for (std::size_t i = 0; i < size; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      const bool digit = c >= '0' && c <= '9';
      const char lower = static_cast<char>(c | 0x20);
      if (!digit && (lower < 'a' || lower > 'f')) fail_at(start, std::format("the escape needs {} digits", size));
      out = out << 4 | static_cast<char32_t>(digit ? c - '0' : lower - 'a' + 10);
    }
    if (out > 0x10FFFF || (out >= 0xD800 && out <= 0xDFFF)) fail_at(start, "the escape is not a character");
    return out;
  }

  Pool& pool_;
  std::string_view text_;
  std::map<std::string, Rule, std::less<>> rules_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

std::expected<Expr, SyntaxProblem> parse_gbnf(Pool& pool, std::string_view grammar) {
  if (const auto broken = text::invalid_utf8(grammar))
    return std::unexpected(SyntaxProblem{.message = "is not UTF-8", .position = *broken});
  try {
    return Parser(pool, grammar).parse();
  } catch (SyntaxProblem& problem) {
    return std::unexpected(std::move(problem));
  }
}

}  // namespace dspy::llama::mask
