#pragma once

#include "base/unicode/letters.hpp"
#include "dspy/signature/field.hpp"
#include "identifier.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

namespace notation {

using text::is_digit;
using text::is_space;
constexpr bool is_name_part(char c) noexcept {  // of ASCII
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}
constexpr bool is_quote(char c) noexcept {
  return c == '\'' || c == '"';
}

constexpr bool is_any_of(std::string_view name, std::initializer_list<std::string_view> names) noexcept {
  return std::ranges::contains(names, name);
}

/// How deep types may be nested.
inline constexpr int deepest = 64;

}  // namespace notation

using TypeNames = std::set<std::string, std::less<>>;

/// The names of all objects in a type.
void add_object_names(const Type& type, TypeNames& names);
/// `taken` are the names of all objects that the whole text has: types of the notation that are called the same are
/// written with their module.
std::string to_notation(const Type& type, const TypeNames& taken);

/// What a name of a field must be, as the remedy of an error.
std::string_view rule_for_names(std::string_view name) noexcept;

/// Appends ` = 3` if the field has a default.
void append_default(std::string& out, const Field& field);

/// Reads the arrow notation in one pass, from the left.  Errors are thrown where the notation
/// stops making sense; only then is any effort spent on finding out what was meant.
class NotationReader {
 public:
  /// Throws if `text` is not UTF-8, so that every message about it can be.  `names` may be null.
  explicit NotationReader(std::string_view text, const NamedTypes* names = nullptr);

  /// Appends the fields up to an arrow or the end.  `taken` are the fields of the other side.
  void fields(std::vector<Field>& side, const std::vector<Field>& taken);
  void arrow();
  /// The one type that the whole text is.
  Type only_type();
  /// Throws unless everything was read.
  void end();
  [[noreturn]] void fail_without_outputs() const;

 private:
  /// An object whose members are being read.
  struct Open {
    std::string name;
    std::size_t outermost;  ///< The place of the outermost open object that it refers to, or its own.
  };

  /// What follows a field's name: `: type`, with what a `Field(...)` says about it, and `= default`.
  void rest_of(Field& field);
  void default_of(Field& field);
  Type type();
  Type term();
  Type parenthesized();
  Type named_type(std::string_view name, std::size_t start);
  std::optional<Type> plain_type(std::string_view name) const;
  std::optional<Type> bracketed_type(std::string_view name, std::size_t start);
  std::optional<Type> defined_type(std::string_view name);
  Type union_of(std::size_t bracket);
  Type dict(std::size_t bracket);
  Type tuple(std::size_t bracket);
  Type annotated(std::size_t bracket);
  Type code(std::size_t bracket);
  Type literal(std::size_t bracket);
  Type object(std::string_view name);
  void member(std::vector<Field>& members, std::size_t brace);

  /// Reads `(key=value, …)` and applies it to the type, and to its field, if any.
  void field_call(Type& type, Field* field);
  void argument(std::string_view key, std::size_t start, Type& type, Limits& limits, Field* field);
  Json constant();
  Json constants(char closer);
  Json number();
  Number number_for(std::string_view key);
  std::size_t count_for(std::string_view key);
  bool flag_for(std::string_view key);
  std::string text_for(std::string_view key);
  /// Where byte `offset` of the quoted text that begins at `start` is written.
  std::size_t place_in_text(std::size_t start, std::size_t offset);

  Json choice();
  Json integer();
  std::string quoted();
  std::string raw_quoted();
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
  bool next_is(char c) const noexcept;  ///< After white space.
  bool at_border() const noexcept;      ///< True where a name may end.
  char here() const noexcept { return at_end() ? '\0' : text_[position_]; }

  /// The text at `position`, short enough for a message.
  std::string_view token(std::size_t position) const noexcept;
  [[noreturn]] void fail(std::string_view what, std::size_t position, std::string_view remedy) const;
  /// `message` says what is wrong with a part of the text, and the remedy: "has …; do …".
  [[noreturn]] void fail_at_part(std::string_view message, std::size_t position) const;
  [[noreturn]] void fail_unexpected() const;
  /// Throws if the signature has some other arrow in place of `->`.
  void fail_other_arrow() const;
  [[noreturn]] void fail_no_type(std::string_view what, std::size_t start) const;
  /// `problem` is what a field or type has, and the remedy.
  [[noreturn]] void fail_type(std::string_view problem, std::size_t start) const;
  [[noreturn]] void fail_unknown_type(std::string_view name, std::size_t start) const;

  std::string_view text_;
  const NamedTypes* names_;
  std::size_t position_ = 0;
  int depth_ = 0;
  Field* field_ = nullptr;   ///< The field whose type comes next.
  bool must_check_ = false;  ///< True once a type was read that can contradict itself.
  std::vector<Open> open_;
  NamedTypes defined_;
};

}  // namespace dspy
