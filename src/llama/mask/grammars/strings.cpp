#include "llama/mask/grammars/strings.hpp"

#include "dspy/base/text.hpp"
#include "llama/mask/expressions/characters.hpp"
#include "llama/mask/grammars/regex.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <optional>
#include <span>
#include <utility>

namespace dspy::llama::mask {
namespace {

/// What of an escape was read: `\`, `\u`, `\u0`, `\u00`, and `\u000`, `\u001` or `\u003`.
enum class Escape : std::uint32_t { none, begun, u, u0, u00, low, high, sign };

struct Place {
  Dfa::State state = Dfa::dead;
  Escape escape = Escape::none;
};

/// What the letter after a backslash stands for; 0 if nothing.
unsigned char escaped_by(unsigned char letter) noexcept {
  switch (letter) {
    case '"':
    case '\\': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

bool has_short_escape(unsigned control) noexcept {
  return control == '\b' || control == '\f' || control == '\n' || control == '\r' || control == '\t';
}

int hex_digit(unsigned char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// The expression of the texts between two of a sorted list, which share their first `depth` bytes.
Expr branches(Pool& pool, std::span<const std::string> texts, std::size_t depth) {
  std::vector<Expr> out;
  while (!texts.empty()) {
    if (texts[0].size() == depth) {
      out.push_back(Pool::empty);
      texts = texts.subspan(1);
      continue;
    }
    const char byte = texts[0][depth];
    const auto same = std::ranges::find_if(texts, [&](const std::string& text) { return text[depth] != byte; });
    const auto group = texts.first(static_cast<std::size_t>(same - texts.begin()));
    texts = texts.subspan(group.size());
    // One text, or one beginning of all, needs no further branching.
    auto shared = depth + 1;
    while (shared < group.front().size() && shared < group.back().size() &&
           group.front()[shared] == group.back()[shared])
      ++shared;
    const auto beginning = std::string_view(group.front()).substr(depth, shared - depth);
    out.push_back(pool.seq(pool.literal(beginning), branches(pool, group, shared)));
  }
  return pool.alt(out);
}

}  // namespace

Dfa escape_json(const Dfa& text, Inside inside) {
  const bool is_literal = inside == Inside::literal_xml;
  ByteClasses classes;
  classes.split(text.classes());
  classes.split(ByteSet::range(0, 0x1F));
  for (const char c : std::string_view("\"\\/<bfnrtu0123456789abcdef"))
    classes.split(ByteSet::of(static_cast<unsigned char>(c)));
  const auto to = [](Dfa::State state, Escape escape) {
    return state == Dfa::dead ? std::nullopt : std::optional(Place{state, escape});
  };
  const auto control = [&](Dfa::State state, unsigned value) {
    return has_short_escape(value) ? std::nullopt
                                   : to(text.next(state, static_cast<unsigned char>(value)), Escape::none);
  };
  const auto step = [&](Place at, unsigned char byte) -> std::optional<Place> {
    switch (at.escape) {
      case Escape::none:
        if (byte == '\\') return Place{at.state, Escape::begun};
        if (is_literal && byte == '<') return std::nullopt;
        return byte < 0x20 || byte == '"' ? std::nullopt : to(text.next(at.state, byte), Escape::none);
      case Escape::begun:
        if (byte == 'u') return Place{at.state, Escape::u};
        return escaped_by(byte) == 0 ? std::nullopt : to(text.next(at.state, escaped_by(byte)), Escape::none);
      case Escape::u: return byte == '0' ? to(at.state, Escape::u0) : std::nullopt;
      case Escape::u0: return byte == '0' ? to(at.state, Escape::u00) : std::nullopt;
      case Escape::u00:
        if (byte == '0') return Place{at.state, Escape::low};
        if (is_literal && byte == '3') return Place{at.state, Escape::sign};
        return byte == '1' ? to(at.state, Escape::high) : std::nullopt;
      case Escape::sign: return byte == 'c' ? to(text.next(at.state, '<'), Escape::none) : std::nullopt;
      case Escape::low:
      case Escape::high: {
        const auto digit = hex_digit(byte);
        if (digit < 0) return std::nullopt;
        return control(at.state, static_cast<unsigned>(digit) + (at.escape == Escape::high ? 16u : 0u));
      }
    }
    return std::nullopt;
  };
  const auto facts = [&](const Place& at) {
    const bool plain = at.escape == Escape::none;
    return Dfa::Facts{.accepts = plain && text.accepts(at.state), .at_boundary = plain && text.at_boundary(at.state)};
  };
  auto out = *build_dfa(Place{text.start(), Escape::none}, classes, step, facts, SIZE_MAX);
  return inside == Inside::xml ? escape_xml(out) : out;
}

std::string escape_json(std::string json, Inside inside) {
  if (inside == Inside::nothing) return json;
  if (inside == Inside::xml) return escape_xml(json);
  std::string out;
  for (const char c : json) out += c == '<' ? std::string("\\u003c") : std::string(1, c);
  return out;
}

std::string literal_xml(std::string_view text) {
  const auto bracket = text.find('<');
  const bool may_be_tag = bracket != std::string_view::npos && (text.contains("</") || text.contains("<!") ||
                                                                text.find('>', bracket) != std::string_view::npos);
  if (!may_be_tag && text::trim(text).size() == text.size()) return std::string(text);
  constexpr std::string_view end = "]]>";
  std::string out = "<![CDATA[";
  for (auto at = text.find(end); at != std::string_view::npos; at = text.find(end)) {
    out.append(text.substr(0, at + 2)).append("]]><![CDATA[");
    text.remove_prefix(at + 2);
  }
  return out.append(text).append(end);
}

std::string escape_attribute(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (std::string_view("\"\n\r\t<>&").contains(c)) {
      out += std::format("&#{};", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string escape_xml(std::string_view text) {
  const auto body = text::trim(text);
  const auto begin = static_cast<std::size_t>(body.data() - text.data());
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (at < begin || at >= begin + body.size()) {
      out += std::format("&#{};", static_cast<int>(c));
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

Dfa escape_xml(const Dfa& text) {
  constexpr std::array<std::string_view, 2> entities = {"&amp;", "&lt;"};
  constexpr std::array<unsigned char, 2> characters = {'&', '<'};
  // How much of an entity was read, and of which: `&` begins both.
  struct Position {
    Dfa::State state = Dfa::dead;
    std::uint16_t entity = 0;
    std::uint16_t read = 0;
  };
  ByteClasses classes;
  classes.split(text.classes());
  for (const char c : std::string_view("&<amplt;")) classes.split(ByteSet::of(static_cast<unsigned char>(c)));
  const auto step = [&](Position at, unsigned char byte) -> std::optional<Position> {
    if (at.read == 0) {
      if (byte == '&') return Position{at.state, 0, 1};
      const auto next = byte == '<' ? Dfa::dead : text.next(at.state, byte);
      return next == Dfa::dead ? std::nullopt : std::optional(Position{next, 0, 0});
    }
    if (at.read == 1) at.entity = byte == 'l' ? 1 : 0;
    const auto entity = entities[at.entity];
    if (static_cast<char>(byte) != entity[at.read]) return std::nullopt;
    if (++at.read < entity.size()) return at;
    const auto next = text.next(at.state, characters[at.entity]);
    return next == Dfa::dead ? std::nullopt : std::optional(Position{next, 0, 0});
  };
  const auto facts = [&](const Position& at) {
    const bool plain = at.read == 0;
    return Dfa::Facts{.accepts = plain && text.accepts(at.state), .at_boundary = plain && text.at_boundary(at.state)};
  };
  return *build_dfa(Position{text.start(), 0, 0}, classes, step, facts, SIZE_MAX);
}

std::expected<Dfa, std::string> with_patterns(Pool& pool, Dfa base, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return base;
  auto both = pool.automaton(pool.add(std::move(base)));
  for (const auto& pattern : patterns) {
    const auto parsed = parse_regex(pool, pattern, Match::part);
    if (!parsed)
      return std::unexpected(std::format("has the pattern `{}`, in which {} (byte {})", pattern, parsed.error().message,
                                         parsed.error().position));
    both = pool.both(both, *parsed);
  }
  auto out = pool.determinize(both);
  if (!out)
    return std::unexpected(std::format("has the pattern `{}`, which needs more than {} states; make it simpler",
                                       patterns.back(), Dfa::default_limit));
  if (out->start() == Dfa::dead)
    return std::unexpected(std::format("has the pattern `{}`, which no text allowed here matches", patterns.back()));
  return *std::move(out);
}

std::expected<Expr, std::string> with_length(Pool& pool, Dfa dfa, std::size_t min, std::size_t max) {
  if (min == 0 && max == SIZE_MAX) return pool.automaton(pool.add(std::move(dfa)));
  if (!dfa.settle_lengths())
    return std::unexpected(std::string("has limits of length and a pattern too complex to hold together; drop one"));
  const auto out = pool.automaton(pool.add(std::move(dfa)), min, max);
  if (out == Pool::nothing)
    return std::unexpected(std::format("has no text of {} to {} characters", min,
                                       max == SIZE_MAX ? "any number of" : std::to_string(max)));
  return out;
}

Dfa any_text() {
  Pool pool;
  return *pool.determinize(pool.star(one_of(pool, CharSet::all())));
}

std::expected<Expr, std::string> json_string(Pool& pool, const TextLimits& limits, Inside inside) {
  static const Dfa any = any_text();
  static const Dfa any_escaped = escape_json(any);
  auto dfa = std::expected<Dfa, std::string>(any_escaped);
  if (!limits.patterns.empty()) {
    dfa = with_patterns(pool, any, limits.patterns);
    if (dfa) dfa = escape_json(*dfa, inside);
  } else if (inside != Inside::nothing) {
    dfa = escape_json(any, inside);
  }
  if (!dfa) return std::unexpected(std::move(dfa.error()));
  const auto text = with_length(pool, *std::move(dfa), limits.min_length, limits.max_length);
  if (!text) return text;
  const auto quote = pool.literal("\"");
  return pool.seq({quote, *text, quote});
}

Expr one_of_texts(Pool& pool, std::vector<std::string> texts) {
  std::ranges::sort(texts);
  const auto rest = std::ranges::unique(texts);
  texts.erase(rest.begin(), rest.end());
  return branches(pool, texts, 0);
}

}  // namespace dspy::llama::mask
