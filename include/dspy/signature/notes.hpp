#pragma once

#include "dspy/signature/detail/mode.hpp"
#include "dspy/signature/field.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Notes add what a field's name and type do not say.  The same notes are used in a signature's table (C++23) and as
// annotations on its members (C++26):
//
//     dspy::field<&Output::answer>(dspy::desc("One sentence."), dspy::max_length{80})
//     [[=dspy::desc("One sentence."), =dspy::max_length{80}]] std::string answer;

namespace dspy {

/// A fact about a field that can apply itself to it.  Any literal type with such an `apply` is a note.  One with
/// `suits<T>` is allowed only on members for whose type (for an optional, its value's type) that is true.
template <class N>
concept Note = requires(const N& note, Field& field) { note.apply(field); };

namespace detail {

template <class T>
constexpr bool is_number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

template <class T>
constexpr bool is_text = requires(T& text) { text.substr(0, 1); };

template <class T>
constexpr bool has_length = requires(T& value) { value.size(); };

/// The number as a person would write it: 1, not 1.0.
constexpr Number plain(Number number) noexcept {
  constexpr double exact = 9007199254740992.0;  // 2^53
  const double value = number.real;
  if (number.is_integer || !(value >= -exact && value <= exact)) return number;
  const auto integer = static_cast<std::int64_t>(value);
  return value == static_cast<double>(integer) ? Number(integer) : number;
}

inline void limit(Field& field, const Limits& limits) {
  field.type = with_limits(std::move(field.type), limits);
}

/// Gives a field another name, and the label that goes with it.
void rename(Field& field, std::string_view name);

}  // namespace detail

/// Text in a note.  An annotation may not point at a string literal, so with reflection the
/// text is interned; without it the pointer is kept.
struct NoteText {
  const char* data;

  consteval NoteText(const char* text)  // NOLINT(google-explicit-constructor): written as a plain literal
#if DSPY_REFLECTION
      : data(std::define_static_string(std::string_view(text))){}
#else
      : data(text) {
  }
#endif
};

/// What the model should know about the field.
struct desc {
  NoteText text;
  consteval explicit desc(const char* words) : text(words) {}
  constexpr void apply(Field& field) const { field.description = text.data; }
};

/// What prompts call the field, instead of its name in words.
struct label {
  NoteText text;
  consteval explicit label(const char* words) : text(words) {
    if (*words == '\0') throw "dspy::label: the label is empty";
  }
  constexpr void apply(Field& field) const { field.label = text.data; }
};

/// The name in JSON and prompts of a member whose name C++ does not allow: `named("class")` on `class_`.  It goes into
/// the table of the member's own struct (an `Input` may have one), or on the member.
struct named {
  NoteText text;
  consteval explicit named(const char* name) : text(name) {}
  void apply(Field& field) const { detail::rename(field, text.data); }
};

/// Marks the last member of a struct, a map with text as its keys: it receives the members of a JSON object that the
/// struct does not name.
struct other_members {
  template <class T>
  static constexpr bool suits = requires { typename T::mapped_type; };

  constexpr void apply(Field&) const {}
};

/// The range of a number, both ends included.
struct between {
  template <class T>
  static constexpr bool suits = detail::is_number<T>;

  Number minimum;
  Number maximum;
  consteval between(Number low, Number high) : minimum(low), maximum(high) {
    if (low.value() > high.value()) throw "dspy::between: the minimum is above the maximum";
  }
  void apply(Field& field) const { detail::limit(field, {.ge = detail::plain(minimum), .le = detail::plain(maximum)}); }
};

/// The least that a number may be.
struct at_least {
  template <class T>
  static constexpr bool suits = detail::is_number<T>;

  Number value;
  void apply(Field& field) const { detail::limit(field, {.ge = detail::plain(value)}); }
};

/// The most that a number may be.
struct at_most {
  template <class T>
  static constexpr bool suits = detail::is_number<T>;

  Number value;
  void apply(Field& field) const { detail::limit(field, {.le = detail::plain(value)}); }
};

/// What a number must be above.
struct above {
  template <class T>
  static constexpr bool suits = detail::is_number<T>;

  Number value;
  void apply(Field& field) const { detail::limit(field, {.gt = detail::plain(value)}); }
};

/// What a number must be below.
struct below {
  template <class T>
  static constexpr bool suits = detail::is_number<T>;

  Number value;
  void apply(Field& field) const { detail::limit(field, {.lt = detail::plain(value)}); }
};

/// What a number must be a whole multiple of.
struct multiple_of {
  template <class T>
  static constexpr bool suits = detail::is_number<T>;

  Number value;
  void apply(Field& field) const { detail::limit(field, {.multiple_of = detail::plain(value)}); }
};

/// The fewest characters of a string, or items of a list.
struct min_length {
  template <class T>
  static constexpr bool suits = detail::has_length<T>;

  std::size_t value;
  void apply(Field& field) const { detail::limit(field, {.min_length = value}); }
};

/// The most characters of a string, or items of a list.
struct max_length {
  template <class T>
  static constexpr bool suits = detail::has_length<T>;

  std::size_t value;
  void apply(Field& field) const { detail::limit(field, {.max_length = value}); }
};

/// A regular expression that some part of a text must match; see `Pattern` for its syntax.
struct matches {
  template <class T>
  static constexpr bool suits = detail::is_text<T>;

  NoteText pattern;
  consteval explicit matches(const char* expression) : pattern(expression) {}
  void apply(Field& field) const { detail::limit(field, {.pattern = pattern.data}); }
};

/// No two items of a list are equal.
struct unique {
  template <class T>
  static constexpr bool suits = detail::has_length<T> && !detail::is_text<T>;

  void apply(Field& field) const { detail::limit(field, {.unique_items = true}); }
};

/// A closed set of words or numbers: the field becomes a `Literal` (floats: keeps its type and is
/// limited), optional if it was.
template <class V, std::size_t Count>
struct one_of {
  static_assert(Count > 0, "dspy::one_of needs at least one choice");

  template <class T>
  static constexpr bool suits = std::is_same_v<V, NoteText> ? detail::is_text<T>
                                : std::is_integral_v<V>     ? detail::is_number<T>
                                                            : std::is_floating_point_v<T>;

  std::array<V, Count> choices;

  template <class... Choices>
  consteval explicit one_of(Choices... all) : choices{static_cast<V>(all)...} {}

  void apply(Field& field) const {
    Limits limits;
    for (const auto& choice : choices) {
      if constexpr (std::is_same_v<V, NoteText>) {
        limits.one_of.emplace_back(choice.data);
      } else {
        limits.one_of.emplace_back(choice);
      }
    }
    detail::limit(field, limits);
  }
};

template <class... Choices>
one_of(Choices...)
    -> one_of<std::conditional_t<(std::is_same_v<Choices, const char*> && ...), NoteText,
                                 std::conditional_t<(std::is_integral_v<Choices> && ...), std::int64_t, double>>,
              sizeof...(Choices)>;

/// The field's value if a reply omits it: `default_value(0.5)`, `default_value("none")`.  For an `enum class`, the
/// enumerator's name.
template <class V>
struct default_value {
  template <class T>
  static constexpr bool suits = std::is_same_v<V, NoteText> ? detail::is_text<T> || std::is_enum_v<T>
                                : std::is_same_v<V, bool>   ? std::is_same_v<T, bool>
                                : std::is_integral_v<V>     ? detail::is_number<T>
                                                            : std::is_floating_point_v<T>;

  V value;

  consteval explicit default_value(V chosen) : value(chosen) {}

  constexpr void apply(Field& field) const {
    if constexpr (std::is_same_v<V, NoteText>) {
      field.default_value = Json(value.data);
    } else {
      field.default_value = Json(value);
    }
  }
};

default_value(const char*) -> default_value<NoteText>;

/// Notes on one member, for compilers that cannot read them off the member.
template <auto Member, Note... Notes>
struct FieldNotes {
  using key = std::integral_constant<decltype(Member), Member>;
  std::tuple<Notes...> notes;
};

/// Attaches notes to a member: `dspy::field<&Output::answer>(dspy::desc("…"))`.
template <auto Member, Note... Notes>
consteval FieldNotes<Member, Notes...> field(Notes... notes) {
  static_assert(std::is_member_object_pointer_v<decltype(Member)>,
                "dspy::field<…> wants a pointer to a member of Input or Output, such as &Output::answer");
  return {{notes...}};
}

/// Collects the notes of a signature: `static constexpr auto fields = dspy::describe(…);`
template <class... Entries>
consteval std::tuple<Entries...> describe(Entries... entries) {
  return {entries...};
}

}  // namespace dspy
