#pragma once

// What JSON calls the members of a struct, and the member that holds what the struct does not name.

#include "dspy/signature/detail/enumerators.hpp"
#include "dspy/signature/detail/members.hpp"
#include "dspy/signature/notes.hpp"
#include "dspy/signature/part_notes.hpp"

#include <boost/pfr/core.hpp>
#include <boost/pfr/core_name.hpp>

#include <concepts>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace dspy {
inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

/// Calls `visit` with each note on a member, from its annotations or its struct's own table.
template <class T, std::size_t I, class F>
consteval void for_each_own_note(F visit) {
#if DSPY_REFLECTION
  static constexpr auto member = member_of(^^T, I);
  template for (constexpr auto annotation : std::define_static_array(std::meta::annotations_of(member))) {
    using N = std::remove_cvref_t<typename[:std::meta::type_of(annotation):]>;
    if constexpr (std::same_as<N, named> || std::same_as<N, other_members>) visit(std::meta::extract<N>(annotation));
  }
#endif
  if constexpr (HasTable<T>) {
    const auto look = [&]<auto Pointer, class... Notes>(const FieldNotes<Pointer, Notes...>& entry) {
      if (name_of_pointer<Pointer>() == boost::pfr::get_name<I, T>())
        std::apply([&](const auto&... note) { (visit(note), ...); }, entry.notes);
    };
    std::apply([&](const auto&... entry) { (look(entry), ...); }, T::fields);
  }
}

template <class T, std::size_t I>
consteval std::string_view find_name_of_member() {
  std::string_view name = boost::pfr::get_name<I, T>();
  for_each_own_note<T, I>([&]<class N>(const N& note) {
    if constexpr (std::same_as<N, named>) name = note.text.data;
  });
  return name;
}

/// What JSON calls a member.
template <class T, std::size_t I>
inline constexpr std::string_view name_of_member = find_name_of_member<T, I>();

/// True if the last member holds what the struct does not name.
template <class T>
consteval bool keeps_others() {
  bool kept = false;
  for_each_index<T>([&](auto index) {
    for_each_own_note<T, decltype(index)::value>([&]<class N>(const N&) {
      if constexpr (std::same_as<N, other_members>) {
        if (decltype(index)::value + 1 != boost::pfr::tuple_size_v<T>)
          throw "dspy::other_members stands on a member that is not the last of its struct; move it to the end";
        kept = true;
      }
    });
  });
  return kept;
}

template <class T>
inline constexpr bool has_others = keeps_others<T>();
/// The number of members that have a name in JSON; they come first.
template <class T>
inline constexpr std::size_t named_members = boost::pfr::tuple_size_v<T> - (has_others<T> ? 1 : 0);
template <class T>
using Others = Member<T, named_members<T>>;

/// Calls `visit(index)` for each member with a name in JSON.
template <class T, class F>
constexpr void for_each_named(F&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<named_members<T>>{});
}

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
