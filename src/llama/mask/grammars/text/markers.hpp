#pragma once

#include "llama/mask/grammars/text/place.hpp"

#include <cstdint>
#include <optional>

namespace dspy::llama::mask {

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

}  // namespace dspy::llama::mask
