#pragma once

// Notes on the members of a struct, written into the fields made from them.  They are in a table in the struct, or
// annotations on the members (C++26), but not both.

#include "dspy/signature/detail/members.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/notes.hpp"
#include "dspy/signature/part_notes.hpp"

#include <boost/pfr/core.hpp>

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <vector>

namespace dspy {
inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class M, class N>
void apply_note(const N& note, Field& field) {
  static_assert(detail::note_suits<N, M>(),
                "a note does not suit the type of its member, such as a range on a std::string");
  note.apply(field);
}

template <class T, class... All>
constexpr bool occurs_once = (std::same_as<T, All> + ...) == 1;

/// True for a kind of note that a member may have several of.
template <class N>
constexpr bool may_repeat = requires { requires N::may_repeat; };

#if DSPY_REFLECTION

template <class T, std::size_t I>
void apply_annotations(Field& field) {
  static constexpr auto member = member_of(^^T, I);
  template for (constexpr auto annotation : std::define_static_array(std::meta::annotations_of(member))) {
    using N = std::remove_cvref_t<typename[:std::meta::type_of(annotation):]>;
    if constexpr (Note<N>) {
      static_assert(may_repeat<N> || std::meta::annotations_of_with_type(member, ^^N).size() == 1,
                    "a member has two annotations of one kind, such as two dspy::desc; keep one of them");
      static constexpr N note = std::meta::extract<N>(annotation);
      apply_note<Member<T, I>>(note, field);
    }
  }
}

/// True if the member that the pointer names has a note.
template <auto Pointer, class T>
consteval bool is_annotated() {
  bool found = false;
  template for (constexpr auto member : std::define_static_array(
                    std::meta::nonstatic_data_members_of(^^T, std::meta::access_context::unchecked()))) {
    if constexpr (std::same_as<decltype(&[:member:]), decltype(Pointer)>) {
      if constexpr (&[:member:] == Pointer) {
        template for (constexpr auto annotation : std::define_static_array(std::meta::annotations_of(member))) {
          found = found || Note<std::remove_cvref_t<typename[:std::meta::type_of(annotation):]>>;
        }
      }
    }
  }
  return found;
}

#else

template <class T, std::size_t I>
void apply_annotations(Field&) {}

template <auto Pointer, class T>
consteval bool is_annotated() {
  return false;
}

#endif

template <class T, class M>
T owner_of(M T::*);
template <class T, class M>
M member_type_of(M T::*);

/// The index of a member, found by comparing addresses in a sample object.
template <class T, class M>
std::size_t index_of(const T& sample, M T::* member) {
  std::size_t found = 0;
  boost::pfr::for_each_field(sample, [&](const auto& value, std::size_t i) {
    if (static_cast<const void*>(&value) == static_cast<const void*>(&(sample.*member))) found = i;
  });
  return found;
}

/// Writes what a table says about the members of `T` into the fields made from them.
template <class T, auto Pointer, class... Notes>
void apply_entry(const FieldNotes<Pointer, Notes...>& entry, std::vector<Field>& fields) {
  static_assert(!is_annotated<Pointer, T>(),
                "a field is described in the table and by annotations on the member; keep one of them");
  static_assert(((may_repeat<Notes> || occurs_once<Notes, Notes...>) && ...),
                "a member has two notes of one kind, such as two dspy::desc; keep one of them");
  auto& field = fields[index_of(T{}, Pointer)];
  std::apply([&](const auto&... note) { (apply_note<decltype(member_type_of(Pointer))>(note, field), ...); },
             entry.notes);
}

template <class T, class... Entries>
void apply_own_table(const std::tuple<Entries...>& table, std::vector<Field>& fields) {
  static_assert((occurs_once<typename Entries::key, typename Entries::key...> && ...),
                "the table describes one member twice; put all its notes into one dspy::field<…>(…)");
  static_assert((std::same_as<decltype(owner_of(Entries::key::value)), T> && ...),
                "dspy::field<…> in a struct's table names a member of another struct");
  std::apply([&](const auto&... entry) { (apply_entry<T>(entry, fields), ...); }, table);
}

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
