#pragma once

#include "llama/mask/grammars/text/place.hpp"

#include <cstdint>

namespace dspy::llama::mask {

/// How far a text matches a word for null; readers also accept one in quotes or before punctuation.
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

}  // namespace dspy::llama::mask
