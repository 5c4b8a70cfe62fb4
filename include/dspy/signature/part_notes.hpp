#pragma once

#include "dspy/signature/notes.hpp"

#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

// Limits for the parts of a value, as Python's `list[Annotated[int, Field(ge=0)]]` has them:
//
//     dspy::field<&Output::scores>(dspy::min_length{1}, dspy::items(dspy::between(0, 5)))
//     dspy::field<&Output::by_name>(dspy::keys(dspy::max_length{20}), dspy::values(dspy::at_least{0}))
//     dspy::field<&Output::place>(dspy::item<0>(dspy::matches("^[A-Z]{2}$")))

namespace dspy {

template <class T>
class Boxed;

namespace detail {

/// What a note of a member is about: an optional's or a box's value.
template <class T>
struct Required {
  using type = T;
};
template <class T>
struct Required<std::optional<T>> : Required<T> {};
template <class T>
struct Required<Boxed<T>> : Required<T> {};

/// True unless the note says that it does not suit the member's type.
template <class N, class T>
consteval bool note_suits() {
  if constexpr (requires { N::template suits<T>; }) {
    return N::template suits<typename Required<T>::type>;
  } else {
    return true;
  }
}

// Notes that say something of a type, and so of a part's type, rather than of a field.
template <class N>
inline constexpr bool is_about_type = false;
template <>
inline constexpr bool is_about_type<between> = true;
template <>
inline constexpr bool is_about_type<at_least> = true;
template <>
inline constexpr bool is_about_type<at_most> = true;
template <>
inline constexpr bool is_about_type<above> = true;
template <>
inline constexpr bool is_about_type<below> = true;
template <>
inline constexpr bool is_about_type<multiple_of> = true;
template <>
inline constexpr bool is_about_type<min_length> = true;
template <>
inline constexpr bool is_about_type<max_length> = true;
template <>
inline constexpr bool is_about_type<matches> = true;
template <>
inline constexpr bool is_about_type<unique> = true;
template <class V, std::size_t Count>
inline constexpr bool is_about_type<one_of<V, Count>> = true;

/// The type of a part of a type; for an optional, of its value.  Throws `Error` (`signature_error`) if there is none.
Type& part_of(Type& type, std::size_t index);

/// Notes on one part.  They are bases, so that the whole can be an annotation.
template <std::size_t Index, class... Notes>
struct PartNotes : Notes... {
  static_assert((is_about_type<Notes> && ...),
                "only limits can be noted on the parts of a value; words such as dspy::desc belong to the whole field");

  void apply(Field& field) const {
    Field part;
    std::swap(part.type, part_of(field.type, Index));
    (static_cast<const Notes&>(*this).Notes::apply(part), ...);
    std::swap(part.type, part_of(field.type, Index));
  }
};

template <class... Notes>
struct ItemsNotes : PartNotes<0, Notes...> {
  template <class T>
  static constexpr bool suits = [] {
    if constexpr (requires { typename T::value_type; } && !is_text<T> && !requires { typename T::mapped_type; }) {
      return (note_suits<Notes, typename T::value_type>() && ...);
    } else {
      return false;
    }
  }();
};

template <class... Notes>
struct KeysNotes : PartNotes<0, Notes...> {
  template <class T>
  static constexpr bool suits = [] {
    if constexpr (requires { typename T::mapped_type; }) {
      return (note_suits<Notes, typename T::key_type>() && ...);
    } else {
      return false;
    }
  }();
};

template <class... Notes>
struct ValuesNotes : PartNotes<1, Notes...> {
  template <class T>
  static constexpr bool suits = [] {
    if constexpr (requires { typename T::mapped_type; }) {
      return (note_suits<Notes, typename T::mapped_type>() && ...);
    } else {
      return false;
    }
  }();
};

template <std::size_t Index, class... Notes>
struct ItemNotes : PartNotes<Index, Notes...> {
  template <class T>
  static constexpr bool suits = [] {
    if constexpr (requires { std::variant_size<T>::value; }) {
      return Index < std::variant_size_v<T> && (note_suits<Notes, std::variant_alternative_t<Index, T>>() && ...);
    } else if constexpr (requires { std::tuple_size<T>::value; } && !requires { typename T::value_type; }) {
      return Index < std::tuple_size_v<T> && (note_suits<Notes, std::tuple_element_t<Index, T>>() && ...);
    } else {
      return false;
    }
  }();
};

// Parts have parts.
template <class... Notes>
inline constexpr bool is_about_type<ItemsNotes<Notes...>> = true;
template <class... Notes>
inline constexpr bool is_about_type<KeysNotes<Notes...>> = true;
template <class... Notes>
inline constexpr bool is_about_type<ValuesNotes<Notes...>> = true;
template <std::size_t Index, class... Notes>
inline constexpr bool is_about_type<ItemNotes<Index, Notes...>> = true;

}  // namespace detail

/// Limits for each item of a list.
template <Note... Notes>
consteval detail::ItemsNotes<Notes...> items(Notes... notes) {
  return {{notes...}};
}

/// Limits for each key of a dict.
template <Note... Notes>
consteval detail::KeysNotes<Notes...> keys(Notes... notes) {
  return {{notes...}};
}

/// Limits for each value of a dict.
template <Note... Notes>
consteval detail::ValuesNotes<Notes...> values(Notes... notes) {
  return {{notes...}};
}

/// Limits for one item of a tuple, or for one alternative of a variant.
template <std::size_t Index, Note... Notes>
consteval detail::ItemNotes<Index, Notes...> item(Notes... notes) {
  return {{notes...}};
}

}  // namespace dspy
