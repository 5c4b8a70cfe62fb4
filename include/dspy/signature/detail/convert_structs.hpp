#pragma once

// `Convert` for structs.  What is known of their members is in members.hpp, member_notes.hpp and member_names.hpp.

#include "dspy/signature/detail/convert.hpp"
#include "dspy/signature/detail/member_names.hpp"
#include "dspy/signature/detail/member_notes.hpp"
#include "dspy/signature/field.hpp"

#include <boost/pfr/core.hpp>
#include <boost/pfr/core_name.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dspy {
namespace detail {

[[noreturn]] void refuse_repeated(std::string_view member);

}  // namespace detail

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

/// The members of a struct as fields.  `Outer` are the enclosing structs.
template <class T, class Outer>
std::vector<Field> fields_of() {
  std::vector<Field> fields;
  fields.reserve(boost::pfr::tuple_size_v<T>);
  for_each_index<T>([&](auto index) {
    constexpr std::size_t i = decltype(index)::value;
    fields.push_back(
        make_field(std::string(boost::pfr::get_name<i, T>()), Convert<Member<T, i>>::template type<Outer>()));
    apply_annotations<T, i>(fields.back());
  });
  if constexpr (HasTable<T>) apply_own_table<T>(T::fields, fields);
  return fields;
}

/// The kind of a struct that represents one of DSPy's own types; `object` for any other.
template <class T>
inline constexpr auto kind_of_struct = Type::Kind::object;

/// True for structs whose empty optional members are omitted from JSON instead of being null.
template <class T>
inline constexpr bool leaves_out_null = kind_of_struct<T> != Type::Kind::object;

/// What types call a struct: its identifier, or the `static constexpr auto type_name` in it.
template <class T>
consteval std::string_view name_of_struct() {
  if constexpr (requires { &T::type_name; }) {
    if constexpr (!std::is_member_object_pointer_v<decltype(&T::type_name)>) return T::type_name;
  }
  return name_of_type<T>();
}

template <class T, class... Structs>
consteval bool is_among() {
  return (std::same_as<T, Structs> || ...);
}

/// True if a reference to `T` by its name would mean another struct that is nearer.
template <class T, class First, class... Rest>
consteval bool is_hidden() {
  if constexpr (std::same_as<T, First>) {
    return false;
  } else {
    return name_of_struct<T>() == name_of_struct<First>() || is_hidden<T, Rest...>();
  }
}

template <class T, class... Structs>
Type type_of_struct(Around<Structs...>) {
  if constexpr (kind_of_struct<T> != Type::Kind::object) {
    return {.kind = kind_of_struct<T>};
  } else if constexpr (is_among<T, Structs...>()) {
    static_assert(!is_hidden<T, Structs...>(), "two structs of one name stand in each other; rename one");
    static_assert(!name_of_struct<T>().empty(), "a struct that holds itself needs a name; give its `type_name` one");
    return Type::reference(std::string(name_of_struct<T>()));
  } else {
    using Inner = Around<T, Structs...>;
    auto type = Type::object(std::string(name_of_struct<T>()), fields_of<T, Inner>());
    if constexpr (has_others<T>) {
      auto& members = type.members.edit();
      type.arguments.push_back(std::move(members.back().type.arguments[1]));
      members.pop_back();
    }
    return type;
  }
}

template <class T>
JsonObject write_members(const T& aggregate) {
  JsonObject out;
  out.reserve(boost::pfr::tuple_size_v<T>);
  std::string_view name;
  try {
    for_each_named<T>([&](auto index) {
      constexpr std::size_t i = decltype(index)::value;
      name = name_of_member<T, i>;
      auto value = Convert<Member<T, i>>::write(boost::pfr::get<i>(aggregate));
      if constexpr (leaves_out_null<T> && requires { boost::pfr::get<i>(aggregate).has_value(); }) {
        if (value.is_null()) return;
      }
      out.emplace(name, std::move(value));
    });
    if constexpr (has_others<T>) {
      name = {};
      auto others = Convert<Others<T>>::write(boost::pfr::get<named_members<T>>(aggregate));
      for (auto& [key, value] : others.get_object()) {
        if (!out.emplace(key, std::move(value)).second) detail::refuse_repeated(key);
      }
    }
  } catch (detail::Unfit& unfit) {
    if (!name.empty()) unfit.within(name);
    throw;
  }
  return out;
}

template <class T>
T read_members(const JsonObject& values) {
  T out{};
  std::string_view name;
  try {
    for_each_named<T>([&](auto index) {
      constexpr std::size_t i = decltype(index)::value;
      name = name_of_member<T, i>;
      if (const auto* value = values.if_contains(name)) boost::pfr::get<i>(out) = Convert<Member<T, i>>::read(*value);
    });
    if constexpr (has_others<T>) {
      name = {};
      auto rest = values;
      for_each_named<T>([&](auto index) { rest.stable_erase(name_of_member<T, decltype(index)::value>); });
      boost::pfr::get<named_members<T>>(out) = Convert<Others<T>>::read(std::move(rest));
    }
  } catch (detail::Unfit& unfit) {
    if (!name.empty()) unfit.within(name);
    throw;
  }
  return out;
}

template <class T>
struct Convert {
  static constexpr bool is_struct = std::is_aggregate_v<T> && std::is_class_v<T>;
  static_assert(is_struct,
                "this type cannot be a signature's field; use std::string, an integer, float or double, bool, an enum "
                "class, a struct, a date or time of std::chrono, dspy::Json, or std::optional, std::vector, std::map, "
                "std::variant and the like of these");

  template <class Outer>
  static Type type() {
    return type_of_struct<T>(Outer{});
  }
  static Json write(const T& value) { return write_members(value); }
  static T read(const Json& value) {
    if (!value.is_object()) detail::refuse_kind(value, "an object");
    return read_members<T>(value.get_object());
  }
};

/// True if the structs have the same members, so that an object of one is an object of the other.
template <class A, class B>
consteval bool are_alike() {
  if constexpr (requires { requires Convert<A>::is_struct && Convert<B>::is_struct; }) {
    constexpr auto count = boost::pfr::tuple_size_v<A>;
    if constexpr (count == boost::pfr::tuple_size_v<B>) {
      return []<std::size_t... I>(std::index_sequence<I...>) {
        return ((std::same_as<Member<A, I>, Member<B, I>> &&
                 boost::pfr::get_name<I, A>() == boost::pfr::get_name<I, B>()) &&
                ...);
      }(std::make_index_sequence<count>{});
    }
  }
  return false;
}

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
