#include "llama/mask/grammars/free_text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

// A hand-written automaton: the rules are about lines and words, and as expressions they would take a hundred times
// longer to compile.  `Rules::next` takes a character, `TextMachine::step` its bytes.

namespace dspy::llama::mask {
namespace {

/// What is known of a text at some place.  Eight bytes, as `build_dfa` wants them.
struct Place {
  std::uint16_t node = 0;  ///< In the names.
  std::uint8_t phase = 0;  ///< What may be going on, of `Labels::Phase` and so on.
  std::uint8_t fence = 0;  ///< The backticks of the open code fence.
  std::uint8_t ticks = 0;  ///< The backticks that began this line; or one of `Labels::Ticks`.
  std::uint8_t count = 0;
  std::uint8_t null = 0;    ///< How far the text is a word for no value, or its placeholder.
  std::uint8_t inside = 0;  ///< `Partial`, and the flags.

  bool operator==(const Place&) const = default;
};

/// The part of a character that was read.
enum Partial : std::uint8_t { whole, one, two, three, after_e0, after_ed, after_f0, after_f4, e2, e2_80, ef, ef_bc };

constexpr std::uint8_t partial_bits = 0x0F;
constexpr std::uint8_t is_empty = 0x10;
constexpr std::uint8_t ends_blank = 0x20;
constexpr std::uint8_t closing = 0x40;  ///< Emphasis after a label was closed: only a colon can make it one.

constexpr char32_t other = 0xFFFD;  ///< Any character beyond ASCII that no rule is about.
constexpr char32_t wide_colon = 0xFF1A;
constexpr char32_t bullet = 0x2022;
constexpr char32_t opening_quote = 0x201C;
constexpr char32_t closing_quote = 0x201D;

constexpr bool is_blank(char32_t c) noexcept {
  return c == ' ' || c == '\t' || c == '\r';
}
constexpr bool is_separator(char32_t c) noexcept {
  return c == ' ' || c == '_' || c == '-';
}
constexpr bool is_any_of(char32_t c, std::string_view set) noexcept {
  return c < 0x80 && set.contains(static_cast<char>(c));
}
constexpr char32_t lower(char32_t c) noexcept {
  return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}
/// A byte that goes on with a character.
constexpr bool follows_in_character(unsigned char byte) noexcept {
  return byte >= 0x80 && byte < 0xC0;
}
constexpr bool is_name_character(char32_t c) noexcept {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c >= 0x80;
}

/// Names as readers compare them: without case and without what separates words.
class Names {
 public:
  explicit Names(const std::vector<std::string>& names) : nodes_(1) {
    for (const auto& name : names) add(name);
  }

  static constexpr std::uint16_t none = UINT16_MAX;

  bool is_name(std::uint16_t node) const noexcept { return node != none && node != 0 && nodes_[node].ends; }
  std::uint16_t next(std::uint16_t node, char32_t c) const noexcept {
    if (node == none) return none;
    const auto found = std::ranges::find(nodes_[node].next, lower(c), &std::pair<char32_t, std::uint16_t>::first);
    return found == nodes_[node].next.end() ? none : found->second;
  }

 private:
  struct Node {
    std::vector<std::pair<char32_t, std::uint16_t>> next = {};
    bool ends = false;
  };

  void add(std::string_view name) {
    // What may stand before a label anyway need not be looked for in it.
    name.remove_prefix(std::min(name.find_first_not_of(" _-*`#>+.)0123456789"), name.size()));
    std::uint16_t node = 0;
    for (const char letter : name) {
      const auto byte = static_cast<unsigned char>(letter);
      if (is_separator(byte) || (byte >= 0x80 && byte < 0xC0)) continue;
      const char32_t c = byte < 0x80 ? byte : other;
      auto to = next(node, c);
      if (to == none) {
        to = static_cast<std::uint16_t>(nodes_.size());
        nodes_[node].next.emplace_back(lower(c), to);
        nodes_.emplace_back();
      }
      node = to;
    }
    nodes_[node].ends = true;
  }

  std::vector<Node> nodes_;
};

using Next = std::optional<Place>;

/// Lines that are not labels, and fences that close.
struct Labels {
  enum Phase : std::uint8_t { decoration, label, any_label, text };
  enum Ticks : std::uint8_t { info = 0x10, not_a_fence = 0xFF };

  static constexpr std::uint8_t most_blanks = 8;
  static constexpr std::uint8_t longest_info = 24;
  static constexpr std::uint8_t longest_fence = 4;

  static Place start() noexcept { return {.phase = text}; }
  /// A backslash before what would be a label or a fence.
  static bool escapes(const Place& at, char32_t c) noexcept {
    return c == '\\' && at.ticks == 0 && (at.phase == decoration || (at.inside & is_empty) != 0);
  }

  static Next next(const Names& names, Place at, char32_t c) {
    if (c == '\n') return next_line(at);
    const auto after = at.fence == 0 ? outside(at, c) : in_fence(at, c);
    if (!after || at.fence != 0) return after;
    return in_label(names, *after, c);
  }

  static bool may_end(const Place& at) noexcept {
    const bool fence_line = at.ticks != not_a_fence && (at.ticks & 0x0F) >= 3;
    return at.fence == 0 ? !fence_line : at.ticks != not_a_fence && (at.ticks & 0x0F) >= at.fence;
  }

 private:
  static Next next_line(Place at) noexcept {
    const bool fence_line = at.ticks != not_a_fence && (at.ticks & 0x0F) >= (at.fence == 0 ? 3 : at.fence);
    if (fence_line && at.fence == 0) {
      at.fence = at.ticks & 0x0F;
    } else if (fence_line) {
      at.fence = 0;
    }
    at.phase = at.fence == 0 ? decoration : text;
    at.node = 0;
    at.ticks = at.count = 0;
    at.inside &= static_cast<std::uint8_t>(~closing);
    return at;
  }

  /// Whether the line begins with backticks.  False if it must not go on so.
  static bool count_ticks(Place& at, char32_t c) noexcept {
    if (at.ticks == 0 && is_blank(c)) {
      at.count = std::min<std::uint8_t>(at.count + 1, most_blanks + 1);
    } else if (c == '`') {
      if (at.count > most_blanks || at.ticks == longest_fence) return false;
      ++at.ticks;
    } else {
      return true;
    }
    return true;
  }

  static Next outside(Place at, char32_t c) noexcept {
    if (at.ticks == not_a_fence) return at;
    if ((at.ticks & info) != 0) {
      if (c != '`') return is_info(c) && at.count < longest_info ? Next(counted(at)) : std::nullopt;
      // No fence, after all, and what stood between the backticks may have been a label.
      at.ticks = not_a_fence;
      at.count = 0;
      at.phase = any_label;
      return at;
    }
    if ((at.ticks == 0 && is_blank(c)) || c == '`') return count_ticks(at, c) ? Next(at) : std::nullopt;
    if (at.ticks >= 3) {
      if (!is_info(c)) return std::nullopt;
      at.ticks |= info;
      at.count = 1;
      at.phase = text;
      at.node = 0;
    } else {
      at.ticks = not_a_fence;
      at.count = 0;
    }
    return at;
  }

  /// What may stand behind the backticks that open a fence: nothing that could make a label of it.
  static bool is_info(char32_t c) noexcept { return c < 0x80 && c != ':'; }

  static Place counted(Place at) noexcept {
    ++at.count;
    return at;
  }

  static Next in_fence(Place at, char32_t c) noexcept {
    if (at.ticks == not_a_fence) return at;
    if ((at.ticks & info) == 0 && ((at.ticks == 0 && is_blank(c)) || c == '`'))
      return count_ticks(at, c) ? Next(at) : std::nullopt;
    if (is_blank(c) && (at.ticks & 0x0F) >= at.fence) {
      if ((at.ticks & info) == 0) at.count = 0;
      at.ticks |= info;
      return ++at.count > most_blanks ? std::nullopt : Next(at);
    }
    at.ticks = not_a_fence;
    at.count = 0;
    return at;
  }

  static Next in_label(const Names& names, Place at, char32_t c) {
    const auto go = [&](Phase phase, std::uint16_t node) {
      at.phase = phase;
      at.node = node;
      return at;
    };
    const auto leave = [&] {
      at.inside &= static_cast<std::uint8_t>(~closing);
      return go(text, 0);
    };
    if (at.phase == text) return at;
    if (at.phase == any_label) {
      if (c == ':' || c == wide_colon) return std::nullopt;
      return is_blank(c) || is_any_of(c, "*`_") ? Next(at) : leave();
    }
    if (at.phase == decoration) {
      if (is_blank(c) || c == bullet || is_any_of(c, ">#*+-_`.)0123456789")) return at;
      const auto node = names.next(0, c);
      return node == Names::none ? leave() : go(label, node);
    }
    const bool closed = (at.inside & closing) != 0;
    if (names.is_name(at.node)) {
      if (c == ':' || c == wide_colon) return std::nullopt;
      if (is_any_of(c, "*`\t\r")) {
        at.inside |= closing;
        return at;
      }
    }
    if (closed) return c == ' ' || c == '_' ? Next(at) : leave();
    if (is_separator(c)) return at;
    const auto node = names.next(at.node, c);
    return node == Names::none ? leave() : go(label, node);
  }
};

/// Text without markers.  `count` is the number of opening brackets.
struct Markers {
  enum Phase : std::uint8_t { text, bracket, hashes, hashed_name, end_hashes, bare_name };

  static Place start() noexcept { return {.phase = text}; }
  static bool escapes(const Place& at, char32_t c) noexcept { return c == '\\' && at.phase == bracket; }
  static bool may_end(const Place&) noexcept { return true; }

  static Next next(const Names& names, Place at, char32_t c) {
    const auto go = [&](Phase phase, std::uint16_t node = 0) {
      at.phase = phase;
      at.node = node;
      return at;
    };
    const auto leave = [&] {
      at.count = 0;
      return go(text);
    };
    const bool blank = c == ' ' || c == '\t';
    if (c == '[') {
      at.count = at.phase == bracket ? 2 : 1;
      return go(bracket);
    }
    switch (at.phase) {
      case text: return at;
      case bracket: {
        if (blank) return at;
        if (c == '#') return go(hashes);
        const auto node = at.count == 2 ? names.next(0, c) : Names::none;
        return node == Names::none ? leave() : go(bare_name, node);
      }
      case hashes:
        if (blank || c == '#') return at;
        return is_name_character(c) ? go(hashed_name, at.count == 2 ? names.next(0, c) : Names::none) : leave();
      case hashed_name:
        if (c == '#') return go(end_hashes);
        if (c == ']') return names.is_name(at.node) ? std::nullopt : Next(leave());
        if (blank || is_separator(c)) return at;
        return is_name_character(c) ? go(hashed_name, names.next(at.node, c)) : leave();
      case bare_name: {
        if (blank || is_separator(c)) return at;
        if (names.is_name(at.node) && c == ']') return std::nullopt;
        if (names.is_name(at.node) && c == '#') return go(end_hashes);
        const auto node = names.next(at.node, c);
        return node == Names::none ? leave() : go(bare_name, node);
      }
      default:
        if (blank || c == '#') return at;
        return c == ']' ? std::nullopt : Next(leave());
    }
  }
};

/// Text without the tags of fields.
struct Tags {
  enum Phase : std::uint8_t { text, opened, name, declared };

  static Place start() noexcept { return {.phase = text}; }
  /// The `&` of an entity.
  static bool escapes(const Place&, char32_t c) noexcept { return c == '&'; }
  static bool may_end(const Place&) noexcept { return true; }

  static Next next(const Names& names, Place at, char32_t c) {
    if (c == '<') {
      at.phase = opened;
      at.node = 0;
      return at;
    }
    // `<![CDATA[` would make text of other sections.
    if (at.phase == declared && c == '[') return std::nullopt;
    if (at.phase == declared || (at.phase == opened && c == '!')) {
      at.phase = at.phase == opened ? declared : text;
      return at;
    }
    const bool blank = is_blank(c) || c == '\n';
    // Behind a blank attributes might follow, so the name alone is enough.
    if (at.phase == name && names.is_name(at.node) && (blank || c == '>' || c == '/')) return std::nullopt;
    if (at.phase == text || blank || (at.phase == opened && c == '/') || (at.phase == name && is_separator(c)))
      return at;
    const auto node = names.next(at.node, c);
    at.phase = node == Names::none ? text : name;
    at.node = node == Names::none ? 0 : node;
    return at;
  }
};

/// How far a text is one of the words for no value, which readers find in quotes and before punctuation too.
namespace null_word {

enum : std::uint8_t { before, n, no, non, none, nu, nul, null, n_slash, n_slash_a, after, free };

constexpr bool is_decoration(char32_t c) noexcept {
  return is_blank(c) || c == opening_quote || c == closing_quote || is_any_of(c, "\n\"'`*_.,;!");
}

constexpr bool is_word(std::uint8_t at) noexcept {
  return at == before || at == none || at == null || at == n_slash_a || at == after;
}

constexpr std::uint8_t next(std::uint8_t at, char32_t c) noexcept {
  c = lower(c);
  if (at == free) return free;
  if (at == before) return is_decoration(c) ? before : c == 'n' ? n : free;
  if (is_word(at)) return is_decoration(c) ? after : free;
  switch (at) {
    case n: return c == 'o' ? no : c == 'u' ? nu : c == '/' ? n_slash : free;
    case no: return c == 'n' ? non : free;
    case non: return c == 'e' ? none : free;
    case nu: return c == 'l' ? nul : free;
    case nul: return c == 'l' ? null : free;
    default: return c == 'a' ? n_slash_a : free;
  }
}

}  // namespace null_word

/// What prompts write where a value goes, `{name}`, is not a value.  This state: its first character was read; a number
/// more for each that follows.  Of a longer one, only its beginning is compared.
constexpr std::uint8_t in_placeholder = null_word::free + 1;
constexpr std::size_t longest_placeholder = UINT8_MAX - in_placeholder;

/// Takes the bytes of characters, and what all forms have in common.
template <class Rules>
class TextMachine {
 public:
  explicit TextMachine(const FreeText& place)
      : names_(place.names),
        may_be_null_(place.may_be_null),
        may_escape_(place.may_escape),
        is_one_line_(place.is_one_line) {
    for (const char letter : std::string_view(place.placeholder).substr(0, longest_placeholder)) {
      const auto byte = static_cast<unsigned char>(letter);
      if (!follows_in_character(byte)) placeholder_.push_back(byte < 0x80 ? lower(byte) : other);
    }
  }

  Place start() const noexcept {
    auto out = Rules::start();
    out.inside = is_empty;
    out.null = may_be_null_ ? null_word::free : null_word::before;
    return out;
  }

  Next step(const Place& at, unsigned char byte) const {
    const bool follows = byte >= 0x80 && byte <= 0xBF;
    switch (at.inside & partial_bits) {
      case whole: return begin(at, byte);
      case one: return follows ? Next(within(at, whole)) : std::nullopt;
      case two: return follows ? Next(within(at, one)) : std::nullopt;
      case three: return follows ? Next(within(at, two)) : std::nullopt;
      case after_e0: return follows && byte >= 0xA0 ? Next(within(at, one)) : std::nullopt;
      case after_ed: return follows && byte <= 0x9F ? Next(within(at, one)) : std::nullopt;
      case after_f0: return follows && byte >= 0x90 ? Next(within(at, two)) : std::nullopt;
      case after_f4: return follows && byte <= 0x8F ? Next(within(at, two)) : std::nullopt;
      default: break;
    }
    if (!follows) return std::nullopt;
    const auto here = within(at, whole);
    switch (at.inside & partial_bits) {
      case e2: return byte == 0x80 ? Next(within(at, e2_80)) : take_other(here, one);
      case ef: return byte == 0xBC ? Next(within(at, ef_bc)) : take_other(here, one);
      case e2_80:
        return take(here, byte == 0xA2 ? bullet : byte == 0x9C ? opening_quote : byte == 0x9D ? closing_quote : other);
      default: return take(here, byte == 0x9A ? wide_colon : other);
    }
  }

  Dfa::Facts facts(const Place& at) const noexcept {
    const bool boundary = (at.inside & partial_bits) == whole;
    const bool text = (at.inside & (is_empty | ends_blank)) == 0 && (may_be_null_ || !null_word::is_word(at.null));
    return {.accepts = boundary && text && Rules::may_end(at), .at_boundary = boundary};
  }

 private:
  static Place within(Place at, Partial partial) noexcept {
    at.inside = static_cast<std::uint8_t>((at.inside & ~partial_bits) | partial);
    return at;
  }

  Next begin(const Place& at, unsigned char byte) const {
    if (byte < 0x80) return byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r' ? std::nullopt : take(at, byte);
    // A character that rules may be about is kept apart until it is whole; most places do not care.
    const auto cares = [&](char32_t c) { return take(at, c) != take(at, other); };
    if (byte == 0xE2 && (cares(bullet) || cares(opening_quote) || cares(closing_quote))) return within(at, e2);
    if (byte == 0xEF && cares(wide_colon)) return within(at, ef);
    if (byte < 0xC2 || byte > 0xF4) return std::nullopt;
    if (byte < 0xE0) return take_other(at, one);
    if (byte < 0xF0) return take_other(at, byte == 0xE0 ? after_e0 : byte == 0xED ? after_ed : two);
    return take_other(at, byte == 0xF0 ? after_f0 : byte == 0xF4 ? after_f4 : three);
  }

  Next take_other(const Place& at, Partial left) const {
    const auto after = take(at, other);
    return after ? Next(within(*after, left)) : std::nullopt;
  }

  Next take(Place at, char32_t c) const {
    const bool blank = is_blank(c) || c == '\n';
    if (is_one_line_ && c == '\n') return std::nullopt;
    if (!may_escape_ && Rules::escapes(at, c)) return std::nullopt;
    const bool is_first = (at.inside & is_empty) != 0;
    if (blank && is_first) return std::nullopt;
    at.inside &= static_cast<std::uint8_t>(~(is_empty | ends_blank));
    if (blank) at.inside |= ends_blank;
    if (is_first ? is_placeholder(0, c) : at.null >= in_placeholder) {
      const std::size_t read = is_first ? 0 : at.null - in_placeholder + std::size_t{1};
      const bool goes_on = is_placeholder(read, c);
      if (goes_on && read + 1 == placeholder_.size()) return std::nullopt;
      at.null = goes_on ? static_cast<std::uint8_t>(in_placeholder + read) : std::uint8_t{null_word::free};
    } else {
      at.null = null_word::next(at.null, c);
    }
    return Rules::next(names_, at, c);
  }

  bool is_placeholder(std::size_t index, char32_t c) const noexcept {
    if (index >= placeholder_.size()) return false;
    return placeholder_[index] == other ? c >= 0x80 : lower(c) == placeholder_[index];
  }

  Names names_;
  std::vector<char32_t> placeholder_;
  bool may_be_null_;
  bool may_escape_;
  bool is_one_line_;
};

template <class Rules>
Dfa build(const FreeText& place) {
  const TextMachine<Rules> machine(place);
  ByteClasses classes;
  const auto tell_apart = [&](std::string_view letters) {
    for (const char letter : letters) {
      const auto byte = static_cast<unsigned char>(letter);
      if (byte < 0x80)
        classes.split(ByteSet::of(static_cast<unsigned char>(lower(byte))) |
                      ByteSet::of(static_cast<unsigned char>(byte >= 'a' && byte <= 'z' ? byte - 32 : byte)));
    }
  };
  for (const auto& name : place.names) tell_apart(name);
  tell_apart("noneul/a");
  tell_apart(place.placeholder);
  for (const char mark : std::string_view("\n\r\t \"'`*_.,;!:>#+-)[]</\\&"))
    classes.split(ByteSet::of(static_cast<unsigned char>(mark)));
  classes.split(ByteSet::range('0', '9'));
  classes.split(ByteSet::range(0, 0x1F));
  classes.split(ByteSet::range('a', 'z') | ByteSet::range('A', 'Z') | ByteSet::range('0', '9'));
  for (const int byte : {0x80, 0x90, 0x9A, 0x9C, 0x9D, 0x9E, 0xA0, 0xA2, 0xA3, 0xBC, 0xBD, 0xC0, 0xC2,
                         0xE0, 0xE1, 0xE2, 0xE3, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0x9B, 0xA1})
    classes.split(ByteSet::range(static_cast<unsigned char>(byte), 0xFF));
  return *build_dfa(
      machine.start(), classes, [&](const Place& at, unsigned char byte) { return machine.step(at, byte); },
      [&](const Place& at) { return machine.facts(at); }, SIZE_MAX);
}

}  // namespace

Dfa free_text(const FreeText& place) {
  switch (place.among) {
    case FreeText::Among::labels: return build<Labels>(place);
    case FreeText::Among::markers: return build<Markers>(place);
    case FreeText::Among::tags: return build<Tags>(place);
  }
  std::unreachable();
}

}  // namespace dspy::llama::mask
