#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace dspy {

/// A regular expression that some part of a text must match.  The syntax is what Python, Rust and ECMAScript share:
/// `a|b`, `(…)`, `(?:…)`, `[a-z]`, `.`, `\d \w \s \b` and their opposites, `^ $`, `* + ? {2} {2,} {2,5}` and the lazy
/// forms, escapes such as `\n`, `\x41` and `\u00e4`, and `(?i)` in front.  `\d`, `\w`, `\s` and `\b` are ASCII only.
/// Constructs that cannot be matched in linear time (back references, look-around) are refused.
///
/// Matching simulates all alternatives at once (K. Thompson, "Regular Expression Search Algorithm", 1968): its time is
/// bounded by the length of the text times that of the expression, for any input.  Copies share the expression;
/// thread-safe.
class Pattern {
 public:
  /// No pattern: matches every text.
  Pattern() = default;
  /// Throws `Error` (`signature_error`) with the position where the expression is at fault; an
  /// empty one is not a pattern.
  Pattern(std::string expression);  // NOLINT(google-explicit-constructor): written as plain text
  Pattern(const char* expression) : Pattern(std::string(expression)) {}  // NOLINT(google-explicit-constructor)

  bool empty() const noexcept { return program_ == nullptr; }
  const std::string& text() const noexcept;

  /// True if some part of the text, which must be UTF-8, matches.
  bool is_found_in(std::string_view text) const;

  bool operator==(const Pattern& other) const noexcept { return text() == other.text(); }

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace dspy
