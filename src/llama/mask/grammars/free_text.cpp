#include "llama/mask/grammars/free_text.hpp"

#include "llama/mask/grammars/text/labels.hpp"
#include "llama/mask/grammars/text/markers.hpp"
#include "llama/mask/grammars/text/null_word.hpp"
#include "llama/mask/grammars/text/tags.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

// A hand-written automaton: the rules are about lines and words, and as expressions they would take a hundred times
// longer to compile.  `Rules::next` takes a character, `TextMachine::step` its bytes.

namespace dspy::llama::mask {
namespace {

/// What prompts write where a value goes, `{name}`, is not a value.  This state: its first character was read; a number
/// more for each that follows.  Of a longer one, only its beginning is compared.
constexpr std::uint8_t in_braced_name = null_word::free + 1;
constexpr std::size_t longest_braced_name = UINT8_MAX - in_braced_name;

/// Takes the bytes of characters, and what all forms have in common.
template <class Rules>
class TextMachine {
 public:
  explicit TextMachine(const FreeText& place)
      : names_(place.names),
        may_be_null_(place.may_be_null),
        may_escape_(place.may_escape),
        is_one_line_(place.is_one_line) {
    for (const char letter : std::string_view(place.braced_name).substr(0, longest_braced_name)) {
      const auto byte = static_cast<unsigned char>(letter);
      if (!follows_in_character(byte)) braced_name_.push_back(byte < 0x80 ? lower(byte) : other);
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
    if (is_first ? is_braced_name(0, c) : at.null >= in_braced_name) {
      const std::size_t read = is_first ? 0 : at.null - in_braced_name + std::size_t{1};
      const bool goes_on = is_braced_name(read, c);
      if (goes_on && read + 1 == braced_name_.size()) return std::nullopt;
      at.null = goes_on ? static_cast<std::uint8_t>(in_braced_name + read) : std::uint8_t{null_word::free};
    } else {
      at.null = null_word::next(at.null, c);
    }
    return Rules::next(names_, at, c);
  }

  bool is_braced_name(std::size_t index, char32_t c) const noexcept {
    if (index >= braced_name_.size()) return false;
    return braced_name_[index] == other ? c >= 0x80 : lower(c) == braced_name_[index];
  }

  Names names_;
  std::vector<char32_t> braced_name_;
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
  tell_apart(place.braced_name);
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
