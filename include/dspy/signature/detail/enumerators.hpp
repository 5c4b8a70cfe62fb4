#pragma once

#include "dspy/signature/detail/mode.hpp"

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

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class E>
struct Enumerator {
  E value;
  std::string_view name;  ///< Empty where the value has none.
};

#if DSPY_REFLECTION

/// Values and names, ordered by value: that is what both modes can know.
template <class E>
consteval auto candidates() {
  static constexpr auto members = std::define_static_array(std::meta::enumerators_of(^^E));
  std::array<Enumerator<E>, members.size()> out{};
  std::size_t i = 0;
  template for (constexpr auto member : members) {
    out[i++] = {[:member:], std::define_static_string(std::meta::identifier_of(member))};
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
  return out;
}

template <class E>
inline constexpr auto enumerators_of_type = enumerators<E>();

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
