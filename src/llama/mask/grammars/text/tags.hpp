#pragma once

#include "llama/mask/grammars/text/place.hpp"

#include <cstdint>
#include <optional>

namespace dspy::llama::mask {

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

}  // namespace dspy::llama::mask
