#pragma once

#include "llama/mask/grammars/text/place.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace dspy::llama::mask {

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

}  // namespace dspy::llama::mask
