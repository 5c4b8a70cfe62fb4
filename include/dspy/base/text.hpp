#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Small text tools that belong nowhere else.  All work on bytes; none uses the locale.

namespace dspy::text {

/// `text` without white space (blank, tab, line ends) at both ends.
std::string_view trim(std::string_view text) noexcept;
/// The same, at the end only.
std::string_view trim_end(std::string_view text) noexcept;

/// Equality without regard to the case of ASCII letters.
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

std::string to_lower(std::string_view text);

/// The byte at which `text` stops being UTF-8, or nothing if all of it is.
std::optional<std::size_t> invalid_utf8(std::string_view text) noexcept;

/// `text` without the byte order mark that some editors put before UTF-8.
std::string_view without_byte_order_mark(std::string_view text) noexcept;

/// An identifier in words: `order_id`, `orderId` → `Order id`; runs of capitals stay (`user_ID` → `User ID`).
std::string to_words(std::string_view identifier);

/// The candidate most like `word`, if one is near enough for "did you mean …?".
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// `a, b or c`, each between `quote`s (none by default).
std::string enumerate(std::span<const std::string> items, std::string_view quote = "", std::string_view last = "or");

/// Collects bytes and hands out only whole UTF-8 characters.
class Utf8Buffer {
 public:
  /// Adds `bytes` and returns every character that is complete; a broken byte becomes U+FFFD.
  std::string push(std::string_view bytes);
  /// What is left at the end: U+FFFD if a character was cut, else nothing.
  std::string finish();

 private:
  std::string pending_;
};

}  // namespace dspy::text
