#pragma once

// The only header (with its `detail/`) that knows how this compiler reflects a struct: Boost.PFR
// for names and members, a table of member pointers for notes in C++23, annotations (P2996,
// P3394) in C++26.

#include "dspy/signature/detail/convert.hpp"
#include "dspy/signature/notes.hpp"
#include "dspy/signature/signature.hpp"

#include <boost/pfr/core.hpp>
#include <boost/pfr/core_name.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace dspy {
inline namespace DSPY_REFLECTION_NAMESPACE {

/// A struct that says what goes in and what comes out: nested aggregates `Input` and `Output`,
/// and, as they are wanted, `static constexpr auto instructions` and `fields`.
template <class S>
concept TypedSignature = std::is_aggregate_v<typename S::Input> && std::is_aggregate_v<typename S::Output>;

namespace reflection {

template <class T, std::size_t I>
using Member = boost::pfr::tuple_element_t<I, T>;

template <class T, class F>
constexpr void for_each_index(F&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
}

template <class T>
struct Required {
  using type = T;
};
template <class T>
struct Required<std::optional<T>> {
  using type = T;
};

template <class M, class N>
void apply_note(const N& note, Field& field) {
  if constexpr (requires { N::template suits<M>; }) {
    static_assert(N::template suits<typename Required<M>::type>,
                  "a note does not suit the type of its member, such as a range on a std::string");
  }
  note.apply(field);
}

#if DSPY_REFLECTION

consteval auto member_of(std::meta::info type, std::size_t index) {
  return std::meta::nonstatic_data_members_of(type, std::meta::access_context::unchecked())[index];
}

template <class T, std::size_t I>
void apply_annotations(Field& field) {
  static constexpr auto member = member_of(^^T, I);
  template for (constexpr auto annotation : std::define_static_array(std::meta::annotations_of(member))) {
    using N = std::remove_cvref_t<typename[:std::meta::type_of(annotation):]>;
    if constexpr (Note<N>) {
      static constexpr N note = std::meta::extract<N>(annotation);
      apply_note<Member<T, I>>(note, field);
    }
  }
}

/// True if a note stands on the member that the pointer names.
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

template <class T>
std::vector<Field> fields_of() {
  std::vector<Field> fields;
  fields.reserve(boost::pfr::tuple_size_v<T>);
  for_each_index<T>([&](auto index) {
    constexpr std::size_t i = decltype(index)::value;
    fields.push_back(make_field(std::string(boost::pfr::get_name<i, T>()), Convert<Member<T, i>>::type()));
    apply_annotations<T, i>(fields.back());
  });
  return fields;
}

template <class T, class M>
T owner_of(M T::*);
template <class T, class M>
M type_of(M T::*);

/// The index of a member, found by comparing addresses in a sample object.
template <class T, class M>
std::size_t index_of(const T& sample, M T::* member) {
  std::size_t found = 0;
  boost::pfr::for_each_field(sample, [&](const auto& value, std::size_t i) {
    if (static_cast<const void*>(&value) == static_cast<const void*>(&(sample.*member))) found = i;
  });
  return found;
}

template <class S, auto Pointer, class... Notes>
void apply_entry(const FieldNotes<Pointer, Notes...>& entry, Signature& signature) {
  using Owner = decltype(owner_of(Pointer));
  constexpr bool is_input = std::same_as<Owner, typename S::Input>;
  static_assert(is_input || std::same_as<Owner, typename S::Output>,
                "dspy::field<…> names a member that belongs neither to this signature's Input nor to its Output");
  static_assert(!is_annotated<Pointer, Owner>(),
                "a field is described in the table and by annotations on the member; keep one of them");

  auto& field = (is_input ? signature.inputs : signature.outputs)[index_of(Owner{}, Pointer)];
  std::apply([&](const auto&... note) { (apply_note<decltype(type_of(Pointer))>(note, field), ...); }, entry.notes);
}

template <class Entry, class... Entries>
constexpr bool stands_once = (std::same_as<typename Entry::key, typename Entries::key> + ... + 0) == 1;

template <class S, class... Entries>
void apply_table(const std::tuple<Entries...>& table, Signature& signature) {
  static_assert((stands_once<Entries, Entries...> && ...),
                "the table describes one member twice; put all its notes into one dspy::field<…>(…)");
  std::apply([&](const auto&... entry) { (apply_entry<S>(entry, signature), ...); }, table);
}

/// True if a name stands on both sides.
template <class In, class Out>
consteval bool sides_clash() {
  bool clash = false;
  for_each_index<In>([&](auto i) {
    for_each_index<Out>([&](auto j) {
      clash =
          clash || boost::pfr::get_name<decltype(i)::value, In>() == boost::pfr::get_name<decltype(j)::value, Out>();
    });
  });
  return clash;
}

template <class S>
std::shared_ptr<const Signature> build_signature() {
  using In = typename S::Input;
  using Out = typename S::Output;
  static_assert(boost::pfr::tuple_size_v<Out> > 0, "a signature's Output needs at least one member");
  static_assert(!sides_clash<In, Out>(),
                "a field of this signature has the same name in Input and in Output; rename one");

  auto signature = std::make_shared<Signature>();
  signature->inputs = fields_of<In>();
  signature->outputs = fields_of<Out>();
  if constexpr (requires { S::fields; }) apply_table<S>(S::fields, *signature);
  if constexpr (requires { S::instructions; }) signature->instructions = S::instructions;
  validate(*signature);
  return signature;
}

}  // namespace reflection

/// The signature that a struct declares.  Built once, then shared by every call.  Thread-safe.
/// Throws `Error` (`signature_error`) where notes contradict each other.
template <TypedSignature S>
const std::shared_ptr<const Signature>& shared_signature_of() {
  static const auto signature = reflection::build_signature<S>();
  return signature;
}

template <TypedSignature S>
const Signature& signature_of() {
  return *shared_signature_of<S>();
}

/// The members of an aggregate as values by name.  Throws `Error` (`bad_input`) that names a
/// member whose value is no enumerator of its enumeration.
template <class T>
  requires std::is_aggregate_v<T>
JsonObject to_values(const T& aggregate) {
  JsonObject out;
  out.reserve(boost::pfr::tuple_size_v<T>);
  std::string_view name;
  try {
    reflection::for_each_index<T>([&](auto index) {
      constexpr std::size_t i = decltype(index)::value;
      name = boost::pfr::get_name<i, T>();
      out.emplace(name, reflection::Convert<reflection::Member<T, i>>::write(boost::pfr::get<i>(aggregate)));
    });
  } catch (const detail::Unfit& unfit) {
    detail::refuse_to_write(name, unfit);
  }
  return out;
}

/// An aggregate from values by name, as a reader returned them.  An absent member keeps its
/// initialiser; names that the aggregate lacks are passed over.  Throws `Error` (`parse_error`)
/// that names a member whose type the value does not fit.
template <class T>
  requires std::is_aggregate_v<T>
T from_values(const JsonObject& values) {
  T out{};
  std::string_view name;
  try {
    reflection::for_each_index<T>([&](auto index) {
      constexpr std::size_t i = decltype(index)::value;
      name = boost::pfr::get_name<i, T>();
      if (const auto* value = values.if_contains(name))
        boost::pfr::get<i>(out) = reflection::Convert<reflection::Member<T, i>>::read(*value);
    });
  } catch (const detail::Unfit& unfit) {
    detail::refuse_to_read(name, unfit);
  }
  return out;
}

/// Calls `visit(name, member)` for each member of an aggregate, in order.
template <class T, class F>
  requires std::is_aggregate_v<std::remove_const_t<T>>
void for_each_member(T& aggregate, F&& visit) {
  using Plain = std::remove_const_t<T>;
  reflection::for_each_index<Plain>([&](auto index) {
    constexpr std::size_t i = decltype(index)::value;
    visit(boost::pfr::get_name<i, Plain>(), boost::pfr::get<i>(aggregate));
  });
}

}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
