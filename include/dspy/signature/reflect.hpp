#pragma once

// The only header (with its `detail/`) that knows how this compiler reflects a struct: Boost.PFR
// for names and members, a table of member pointers for notes in C++23, annotations (P2996,
// P3394) in C++26.

#include "dspy/signature/detail/convert_containers.hpp"
#include "dspy/signature/detail/convert_special.hpp"
#include "dspy/signature/detail/convert_structs.hpp"
#include "dspy/signature/detail/convert_times.hpp"
#include "dspy/signature/notes.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/validators.hpp"

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace dspy {
inline namespace DSPY_REFLECTION_NAMESPACE {

/// A struct that declares inputs and outputs: nested aggregates `Input` and `Output` and, optionally,
/// `static constexpr auto instructions` and `fields`.
template <class S>
concept TypedSignature = std::is_aggregate_v<typename S::Input> && std::is_aggregate_v<typename S::Output>;

namespace reflection {

/// True if the table in a struct says something about the member that the pointer names.
template <class T, auto Pointer>
consteval bool is_in_own_table() {
  if constexpr (HasTable<T>) {
    return []<class... Entries>(std::type_identity<const std::tuple<Entries...>>) {
      return (std::same_as<typename Entries::key, typename FieldNotes<Pointer>::key> || ...);
    }(std::type_identity<decltype(T::fields)>{});
  }
  return false;
}

template <class S, auto Pointer, class... Notes>
void apply_to_side(const FieldNotes<Pointer, Notes...>& entry, Signature& signature) {
  using Owner = decltype(owner_of(Pointer));
  constexpr bool is_input = std::same_as<Owner, typename S::Input>;
  static_assert(is_input || std::same_as<Owner, typename S::Output>,
                "dspy::field<…> names a member that belongs neither to this signature's Input nor to its Output");
  static_assert(!(std::same_as<Notes, named> || ...),
                "dspy::named stands in a signature's table; put it into a table in the Input or Output itself");
  static_assert(!is_in_own_table<Owner, Pointer>(),
                "a field is described in the signature's table and in its struct's; keep one of them");
  apply_entry<Owner>(entry, is_input ? signature.inputs : signature.outputs);
}

template <class S, class... Entries>
void apply_table(const std::tuple<Entries...>& table, Signature& signature) {
  static_assert((occurs_once<typename Entries::key, typename Entries::key...> && ...),
                "the table describes one member twice; put all its notes into one dspy::field<…>(…)");
  std::apply([&](const auto&... entry) { (apply_to_side<S>(entry, signature), ...); }, table);
}

/// True if a name occurs on both sides.
template <class In, class Out>
consteval bool sides_clash() {
  bool clash = false;
  for_each_index<In>([&](auto i) {
    for_each_index<Out>([&](auto j) {
      clash = clash || name_of_member<In, decltype(i)::value> == name_of_member<Out, decltype(j)::value>;
    });
  });
  return clash;
}

template <class S>
std::shared_ptr<const Signature> build_signature() {
  using In = typename S::Input;
  using Out = typename S::Output;
  static_assert(boost::pfr::tuple_size_v<Out> > 0, "a signature's Output needs at least one member");
  static_assert(!has_others<In> && !has_others<Out>,
                "dspy::other_members stands in an Input or Output; a signature names all of its fields");
  static_assert(!sides_clash<In, Out>(),
                "a field of this signature has the same name in Input and in Output; rename one");

  auto signature = std::make_shared<Signature>();
  signature->inputs = fields_of<In, Around<>>();
  signature->outputs = fields_of<Out, Around<>>();
  if constexpr (requires { S::fields; }) apply_table<S>(S::fields, *signature);
  if constexpr (requires { S::validators; })
    std::apply([&](const auto&... each) { (signature->validators.push_back(each.made()), ...); }, S::validators);
  if constexpr (requires { S::computed; })
    std::apply([&](const auto&... each) { (signature->computed.push_back(each.made()), ...); }, S::computed);
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

/// The type that a C++ type is mapped to.
template <class T>
Type type_of() {
  return reflection::Convert<T>::template type<reflection::Around<>>();
}

/// A value as JSON.  Throws `Error` (`bad_input`) that names what JSON cannot hold, such as a
/// value that is not an enumerator of its enumeration.
template <class T>
Json to_value(const T& value) {
  try {
    return reflection::Convert<T>::write(value);
  } catch (const detail::Unfit& unfit) {
    detail::refuse_to_write(unfit);
  }
}

/// A value from JSON.  Throws `Error` (`parse_error`) that names what does not fit.
template <class T>
T from_value(const Json& value) {
  try {
    return reflection::Convert<T>::read(value);
  } catch (const detail::Unfit& unfit) {
    detail::refuse_to_read(unfit);
  }
}

/// The members of an aggregate as values by name.  Throws like `to_value`.
template <class T>
  requires std::is_aggregate_v<T>
JsonObject to_values(const T& aggregate) {
  try {
    return reflection::write_members(aggregate);
  } catch (const detail::Unfit& unfit) {
    detail::refuse_to_write(unfit);
  }
}

/// An aggregate from values by name, as a reader returned them.  An absent member keeps its
/// initialiser; names that the aggregate lacks are passed over.  Throws like `from_value`.
template <class T>
  requires std::is_aggregate_v<T>
T from_values(const JsonObject& values) {
  try {
    return reflection::read_members<T>(values);
  } catch (const detail::Unfit& unfit) {
    detail::refuse_to_read(unfit);
  }
}

/// Calls `visit(name, member)` for each member of an aggregate, in order.
template <class T, class F>
  requires std::is_aggregate_v<std::remove_const_t<T>>
void for_each_member(T& aggregate, F&& visit) {
  using Plain = std::remove_const_t<T>;
  reflection::for_each_index<Plain>([&](auto index) {
    constexpr std::size_t i = decltype(index)::value;
    visit(reflection::name_of_member<Plain, i>, boost::pfr::get<i>(aggregate));
  });
}

}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
