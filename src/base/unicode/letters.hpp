#pragma once

// Kinds of ASCII characters, whatever the locale.

namespace dspy::text {

constexpr bool is_upper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_letter(char c) noexcept {
  return is_upper(c) || is_lower(c);
}
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
/// Of ASCII, or a byte of any other character, for words in any script.
constexpr bool is_any_letter(char c) noexcept {
  return is_letter(c) || static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool is_space(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr char upper(char c) noexcept {
  return is_lower(c) ? static_cast<char>(c - ('a' - 'A')) : c;
}
constexpr char lower(char c) noexcept {
  return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace dspy::text
