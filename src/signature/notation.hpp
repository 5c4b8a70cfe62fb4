#pragma once

#include "dspy/signature/field.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

namespace notation {

constexpr bool is_space(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr bool is_name_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool is_name_part(char c) noexcept {
  return is_name_start(c) || is_digit(c);
}
constexpr bool is_quote(char c) noexcept {
  return c == '\'' || c == '"';
}

}  // namespace notation

/// Letters, digits and `_`, ASCII only, not starting with a digit.
bool is_identifier(std::string_view text) noexcept;

/// Reads the arrow notation in one pass, from the left.  Errors are thrown where the notation
/// stops making sense; only then is any effort spent on finding out what was meant.
class NotationReader {
 public:
  /// Throws if `text` is not UTF-8, so that every message about it can be.
  explicit NotationReader(std::string_view text);

  /// Appends the fields up to an arrow or the end.  `taken` are the fields of the other side.
  void fields(std::vector<Field>& side, const std::vector<Field>& taken);
  void arrow();
  Type type();
  /// Throws unless everything was read.
  void end();
  [[noreturn]] void fail_without_outputs() const;

 private:
  /// The types between `|`, of which one may be something else than `None`.
  struct Union {
    std::optional<Type> type = {};
    bool nullable = false;
  };
  void add_term(Union& all);
  Type resolve(Union all, std::size_t start) const;
  Type named_type(std::string_view name, std::size_t start);
  Type union_of(std::size_t bracket);
  Type dict(std::size_t bracket);
  Type literal(std::size_t bracket);
  Json choice();
  Json number();
  std::string quoted();
  void escape(std::string& out);

  std::size_t open(std::string_view name, std::size_t start);
  /// Takes the `]`, and a comma before it if there is one.
  void close(std::size_t bracket);
  bool take_close(std::size_t bracket);

  void skip_space() noexcept;
  bool take(char c) noexcept;
  std::string_view word() noexcept;
  bool at_end() const noexcept { return position_ == text_.size(); }
  bool at_arrow() const noexcept { return text_.substr(position_).starts_with("->"); }
  bool at_border() const noexcept;  ///< True where a name may end.
  char here() const noexcept { return at_end() ? '\0' : text_[position_]; }

  /// What stands at `position`, short enough for a message.
  std::string_view token(std::size_t position) const noexcept;
  [[noreturn]] void fail(std::string_view what, std::size_t position, std::string_view remedy) const;
  [[noreturn]] void fail_unexpected() const;
  /// Throws if the signature has some other arrow in place of `->`.
  void fail_other_arrow() const;
  [[noreturn]] void fail_unknown_type(std::string_view name, std::size_t start) const;

  std::string_view text_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace dspy
