#pragma once

#include "dspy/signature/notes.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dspy {

/// Where C++23 looks for the enumerators of `E`.  It does not see others, so give an enumeration
/// with larger values a range of its own:
///
///     template <> struct dspy::enum_range<Status> { static constexpr int first = 100, last = 599; };
template <class E>
struct enum_range {
  static constexpr int first = -128;
  static constexpr int last = 255;
};

/// What an enumerator is called in words.
template <class E>
struct EnumLabel {
  E value;
  std::string_view label;
};

/// Words for enumerators, for compilers that cannot read `[[=dspy::label("…")]]` off them.  One
/// that is left out is called by its name.
///
///     template <> inline constexpr auto dspy::enum_labels<Urgency> =
///         std::to_array<dspy::EnumLabel<Urgency>>({{Urgency::low, "can wait"}, {Urgency::high, "today"}});
template <class E>
inline constexpr std::array<EnumLabel<E>, 0> enum_labels = {};

/// What JSON and prompts call an enumerator.
template <class E>
struct EnumName {
  E value;
  std::string_view name;
};

/// Names that C++ does not allow for enumerators, for compilers that cannot read
/// `[[=dspy::named("…")]]` off them.  One that is left out is called as in C++.
///
///     template <> inline constexpr auto dspy::enum_names<Way> =
///         std::to_array<dspy::EnumName<Way>>({{Way::by_air, "by air"}, {Way::by_sea, "by sea"}});
template <class E>
inline constexpr std::array<EnumName<E>, 0> enum_names = {};

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class E>
struct Enumerator {
  E value;
  std::string_view name;        ///< Empty where the value has none.
  std::string_view label = {};  ///< From an annotation; empty where there is none.
};

#if DSPY_REFLECTION

/// Values and names, ordered by value: that is what both modes can know.
template <class E>
consteval auto candidates() {
  static constexpr auto members = std::define_static_array(std::meta::enumerators_of(^^E));
  std::array<Enumerator<E>, members.size()> out{};
  std::size_t i = 0;
  template for (constexpr auto member : members) {
    out[i] = {[:member:], std::define_static_string(std::meta::identifier_of(member))};
    template for (constexpr auto annotation : std::define_static_array(std::meta::annotations_of(member))) {
      using Note = std::remove_cvref_t<typename[:std::meta::type_of(annotation):]>;
      if constexpr (std::same_as<Note, label>) out[i].label = std::meta::extract<label>(annotation).text.data;
      if constexpr (std::same_as<Note, named>) out[i].name = std::meta::extract<named>(annotation).text.data;
    }
    ++i;
  }
  std::ranges::stable_sort(out, {}, &Enumerator<E>::value);
  return out;
}

#else

/// What the compiler calls the value: an enumerator's name, or a cast if there is none.
template <auto Value>
consteval std::string_view spelled() {
#if defined(_MSC_VER)
  std::string_view text = __FUNCSIG__;
  text = text.substr(text.find("spelled<") + 8);
  text = text.substr(0, text.rfind(">("));
#else
  std::string_view text = __PRETTY_FUNCTION__;
  text = text.substr(text.find("Value = ") + 8);
  text = text.substr(0, text.find_first_of(";]"));
#endif
  const auto before = text.find_last_of(":)");
  if (before != std::string_view::npos) text.remove_prefix(before + 1);
  const bool is_name = text[0] == '_' || (text[0] | 0x20) >= 'a' || static_cast<unsigned char>(text[0]) >= 0x80;
  return is_name ? text : std::string_view();
}

/// A constant for each value, since compilers bound the work that goes into one.
template <auto Value>
constexpr std::string_view spelling = spelled<Value>();

template <class E>
consteval auto candidates() {
  using Limits = std::numeric_limits<std::underlying_type_t<E>>;
  constexpr int first = std::cmp_less(enum_range<E>::first, Limits::min()) ? Limits::min() : enum_range<E>::first;
  constexpr int last = std::cmp_greater(enum_range<E>::last, Limits::max()) ? Limits::max() : enum_range<E>::last;
  return []<int... I>(std::integer_sequence<int, I...>) {
    return std::array{Enumerator<E>{static_cast<E>(first + I), spelling<static_cast<E>(first + I)>}...};
  }(std::make_integer_sequence<int, last - first + 1>{});
}

#endif

/// The enumerators.  Of two with one value, the first.
template <class E>
consteval auto enumerators() {
  constexpr auto is_kept = [](const auto& all, std::size_t i) {
    return !all[i].name.empty() && (i == 0 || all[i - 1].value != all[i].value);
  };
  constexpr auto count = [&] {
    const auto all = candidates<E>();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < all.size(); ++i) kept += is_kept(all, i) ? 1 : 0;
    return kept;
  }();
  std::array<Enumerator<E>, count> out{};
  const auto all = candidates<E>();
  for (std::size_t i = 0, next = 0; i < all.size(); ++i) {
    if (is_kept(all, i)) out[next++] = all[i];
  }
  for (const auto& [value, name] : enum_names<E>) {
    for (auto& each : out) {
      if (each.value == value) each.name = name;
    }
  }
  return out;
}

template <class E>
inline constexpr auto enumerators_of_type = enumerators<E>();

template <class E>
consteval bool has_labels() {
  const bool annotated =
      std::ranges::any_of(enumerators_of_type<E>, [](const auto& each) { return !each.label.empty(); });
  if (annotated && !enum_labels<E>.empty())
    throw "an enumeration has labels in dspy::enum_labels and in annotations; keep one of them";
  return annotated || !enum_labels<E>.empty();
}

/// The label of an enumerator, or else its name.
template <class E>
constexpr std::string_view label_of(const Enumerator<E>& enumerator) {
  for (const auto& [value, label] : enum_labels<E>) {
    if (value == enumerator.value) return label;
  }
  return enumerator.label.empty() ? enumerator.name : enumerator.label;
}

/// The identifier of the member that a pointer names.
template <auto Pointer>
consteval std::string_view name_of_pointer() {
#if defined(_MSC_VER)
  std::string_view text = __FUNCSIG__;
  text = text.substr(text.find("name_of_pointer<") + 16);
  text = text.substr(0, text.rfind(">("));
#else
  std::string_view text = __PRETTY_FUNCTION__;
  text = text.substr(text.find("Pointer = ") + 10);
  text = text.substr(0, text.find_first_of(";]"));
#endif
  if (text.ends_with(')')) text.remove_suffix(1);
  return text.substr(text.rfind(':') + 1);
}

/// The identifier of a class or an enumeration, without its namespace and its template arguments.
#if DSPY_REFLECTION

template <class T>
consteval std::string_view name_of_type() {
  constexpr auto type = ^^T;
  if constexpr (std::meta::has_template_arguments(type)) {
    return std::define_static_string(std::meta::identifier_of(std::meta::template_of(type)));
  } else {
    return std::define_static_string(std::meta::identifier_of(type));
  }
}

#else

/// The last identifier in what the compiler calls a type.
consteval std::string_view last_identifier(std::string_view text) {
  if (text.ends_with('>')) {
    std::size_t open = 0;
    do {
      if (text.ends_with('>')) ++open;
      if (text.ends_with('<')) --open;
      text.remove_suffix(1);
    } while (open > 0);
  }
  const auto before = text.find_last_of(": )}");
  return before == std::string_view::npos ? text : text.substr(before + 1);
}

template <class T>
consteval std::string_view name_of_type() {
#if defined(_MSC_VER)
  std::string_view text = __FUNCSIG__;
  text = text.substr(text.find("name_of_type<") + 13);
  text = text.substr(0, text.rfind(">("));
#else
  std::string_view text = __PRETTY_FUNCTION__;
  text = text.substr(text.find("T = ") + 4);
  const auto end = text.find("; std::string_view");  // g++ goes on; clang does not
  text = end == std::string_view::npos ? text.substr(0, text.rfind(']')) : text.substr(0, end);
#endif
  return last_identifier(text);
}

#endif

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
