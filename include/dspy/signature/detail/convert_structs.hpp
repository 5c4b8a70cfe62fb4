#pragma once

// `Convert` for structs, and what the notes on their members say.

#include "dspy/signature/detail/convert.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/notes.hpp"
#include "dspy/signature/part_notes.hpp"

#include <boost/pfr/core.hpp>
#include <boost/pfr/core_name.hpp>

#include <tuple>

namespace dspy {
namespace detail {

[[noreturn]] void refuse_repeated(std::string_view member);

}  // namespace detail

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class T, std::size_t I>
using Member = boost::pfr::tuple_element_t<I, T>;

template <class T, class F>
constexpr void for_each_index(F&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
}

template <class M, class N>
void apply_note(const N& note, Field& field) {
  static_assert(detail::note_suits<N, M>(),
                "a note does not suit the type of its member, such as a range on a std::string");
  note.apply(field);
}

template <class T, class... All>
constexpr bool occurs_once = (std::same_as<T, All> + ...) == 1;

/// True for a note of which a member may have several.
template <class N>
constexpr bool may_repeat = requires { requires N::may_repeat; };

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
      static_assert(may_repeat<N> || std::meta::annotations_of_with_type(member, ^^N).size() == 1,
                    "a member has two annotations of one kind, such as two dspy::desc; keep one of them");
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

/// True if the struct has a table of its own; a member that happens to be called `fields` is none.
template <class T>
concept HasTable = requires { &T::fields; } && !std::is_member_object_pointer_v<decltype(&T::fields)>;

/// Calls `visit` with each note on a member that stands on it or in its struct's own table.
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
/// How many members have a name in JSON; they stand first.
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

/// The members of a struct as fields.  `Outer` are the structs in which they stand.
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

/// The kind of a struct that stands for one of DSPy's own types; `object` for any other.
template <class T>
inline constexpr auto kind_of_struct = Type::Kind::object;

/// True for structs whose optional members are left out of JSON where they are empty, instead of null.
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
