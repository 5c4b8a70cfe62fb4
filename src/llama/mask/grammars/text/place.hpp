#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::mask {

/// What is known of a text at some place in it.  Eight bytes, as `build_dfa` wants them.
struct Place {
  std::uint16_t node = 0;  ///< In the names.
  std::uint8_t phase = 0;  ///< What may be going on, of `Labels::Phase` and so on.
  std::uint8_t fence = 0;  ///< The backticks of the open code fence.
  std::uint8_t ticks = 0;  ///< The backticks that began this line; or one of `Labels::Ticks`.
  std::uint8_t count = 0;
  std::uint8_t null = 0;    ///< How much of a word for no value, or of `{name}`, has been read; see null_word.hpp.
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

/// The place behind a character; nothing if it must not stand there.
using Next = std::optional<Place>;

}  // namespace dspy::llama::mask
