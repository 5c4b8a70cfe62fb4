#pragma once

// The only header that knows how this compiler reflects a struct: Boost.PFR for names and
// members, a table of member pointers for notes in C++23, annotations (P2996, P3394) in C++26.

#include "dspy/base/error.hpp"
#include "dspy/signature/notes.hpp"
#include "dspy/signature/signature.hpp"

#include <boost/pfr/core.hpp>
#include <boost/pfr/core_name.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dspy {

// One program may hold both modes; different names keep their code apart (the one-definition rule).
#if DSPY_REFLECTION
inline namespace reflect26 {
#else
inline namespace reflect23 {
#endif

/// A struct that says what goes in and what comes out: nested aggregates `Input` and `Output`,
/// and, as they are wanted, `static constexpr auto instructions` and `fields`.
template <class S>
concept TypedSignature = std::is_aggregate_v<typename S::Input> && std::is_aggregate_v<typename S::Output>;

namespace reflection {

template <class T>
constexpr bool always_false = false;

// --- Enumerators ---------------------------------------------------------------------------

#if DSPY_REFLECTION

template <class E>
constexpr auto enumerators() {
  static constexpr auto members = std::define_static_array(std::meta::enumerators_of(^^E));
  std::array<std::pair<E, std::string_view>, members.size()> out{};
  std::size_t i = 0;
  template for (constexpr auto member : members) {
    out[i++] = {[:member:], std::define_static_string(std::meta::identifier_of(member))};
  }
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

/// Enumerators are looked for from here to there; others are not seen.
constexpr int first_enumerator = -32;
constexpr int last_enumerator = 223;

template <class E>
constexpr auto spelled_range() {
  using Under = std::underlying_type_t<E>;
  constexpr int first = std::is_signed_v<Under> ? first_enumerator : 0;
  constexpr int last = std::min<long long>(last_enumerator, std::numeric_limits<Under>::max());
  return []<int... I>(std::integer_sequence<int, I...>) {
    return std::array{std::pair<E, std::string_view>{static_cast<E>(first + I), spelled<static_cast<E>(first + I)>()}...};
  }(std::make_integer_sequence<int, last - first + 1>{});
}

template <class E>
constexpr auto enumerators() {
  constexpr auto all = spelled_range<E>();
  constexpr auto count = [&] {
    std::size_t named = 0;
    for (const auto& entry : all) named += entry.second.empty() ? 0 : 1;
    return named;
  }();
  std::array<std::pair<E, std::string_view>, count> out{};
  std::size_t i = 0;
  for (const auto& entry : all) {
    if (!entry.second.empty()) out[i++] = entry;
  }
  return out;
}

#endif

template <class E>
inline constexpr auto enumerators_of_type = enumerators<E>();

// --- C++ types and JSON --------------------------------------------------------------------

/// How a C++ type is declared, written and read.
template <class T>
struct Convert {
  static_assert(always_false<T>,
                "this type cannot be a signature's field; use std::string, an integer, float or double, bool, an enum "
                "class, or std::optional, std::vector or std::map<std::string, …> of these");
};

template <>
struct Convert<std::string> {
  static Type type() { return Type::string(); }
  static Json write(const std::string& value) { return Json(value); }
  static std::string read(const Json& value) { return std::string(view(value.as_string())); }
};

template <>
struct Convert<bool> {
  static Type type() { return Type::boolean(); }
  static Json write(bool value) { return value; }
  static bool read(const Json& value) { return value.as_bool(); }
};

template <std::integral T>
struct Convert<T> {
  static Type type() { return Type::integer(); }
  static Json write(T value) { return static_cast<std::int64_t>(value); }
  static T read(const Json& value) {
    const auto number = value.as_int64();
    if (!std::in_range<T>(number)) {
      throw Error(Errc::parse_error, "the value " + std::to_string(number) + " does not fit the field's C++ type (" +
                                         std::to_string(std::numeric_limits<T>::min()) + " to " +
                                         std::to_string(std::numeric_limits<T>::max()) +
                                         "); give the field limits or a wider type");
    }
    return static_cast<T>(number);
  }
};

template <std::floating_point T>
struct Convert<T> {
  static Type type() { return Type::number(); }
  static Json write(T value) { return static_cast<double>(value); }
  static T read(const Json& value) { return static_cast<T>(value.to_number<double>()); }
};

template <class E>
  requires std::is_enum_v<E>
struct Convert<E> {
  static_assert(std::is_scoped_enum_v<E>, "a field's enumeration must be an `enum class`");
  static_assert(!enumerators_of_type<E>.empty(), "a field's enumeration has no enumerators (values -32 to 223 are seen)");

  static Type type() {
    std::vector<Json> choices;
    for (const auto& [value, name] : enumerators_of_type<E>) choices.emplace_back(name);
    return Type::literal(std::move(choices));
  }
  static Json write(E wanted) {
    for (const auto& [value, name] : enumerators_of_type<E>) {
      if (value == wanted) return Json(name);
    }
    throw Error(Errc::bad_input, "the value " + std::to_string(static_cast<long long>(wanted)) +
                                     " is no enumerator of the field's enumeration; initialise the field");
  }
  static E read(const Json& wanted) {
    for (const auto& [value, name] : enumerators_of_type<E>) {
      if (name == view(wanted.as_string())) return value;
    }
    throw Error(Errc::parse_error, to_text(wanted) + " is no enumerator of the field's enumeration");
  }
};

template <class T>
struct Convert<std::optional<T>> {
  static Type type() { return Type::optional(Convert<T>::type()); }
  static Json write(const std::optional<T>& value) { return value ? Convert<T>::write(*value) : Json(nullptr); }
  static std::optional<T> read(const Json& value) {
    if (value.is_null()) return std::nullopt;
    return Convert<T>::read(value);
  }
};

template <class T>
struct Convert<std::vector<T>> {
  static Type type() { return Type::list(Convert<T>::type()); }
  static Json write(const std::vector<T>& items) {
    JsonArray out;
    out.reserve(items.size());
    for (const auto& item : items) out.push_back(Convert<T>::write(item));
    return out;
  }
  static std::vector<T> read(const Json& value) {
    std::vector<T> out;
    for (const auto& item : value.as_array()) out.push_back(Convert<T>::read(item));
    return out;
  }
};

template <class Map>
struct ConvertMap {
  using T = typename Map::mapped_type;
  static Type type() { return Type::dict(Type::string(), Convert<T>::type()); }
  static Json write(const Map& members) {
    JsonObject out;
    for (const auto& [key, value] : members) out[key] = Convert<T>::write(value);
    return out;
  }
  static Map read(const Json& value) {
    Map out;
    for (const auto& member : value.as_object()) out.emplace(std::string(member.key()), Convert<T>::read(member.value()));
    return out;
  }
};

template <class T, class... Rest>
struct Convert<std::map<std::string, T, Rest...>> : ConvertMap<std::map<std::string, T, Rest...>> {};
template <class T, class... Rest>
struct Convert<std::unordered_map<std::string, T, Rest...>> : ConvertMap<std::unordered_map<std::string, T, Rest...>> {};

// --- Members and their notes ---------------------------------------------------------------

template <class T, class F>
void for_each_index(F&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
}

/// The notes written on the member itself.  True if there was one.
template <class T, std::size_t I>
bool apply_annotations([[maybe_unused]] Field& field) {
  bool found = false;
#if DSPY_REFLECTION
  static constexpr auto member = std::meta::nonstatic_data_members_of(^^T, std::meta::access_context::unchecked())[I];
  template for (constexpr auto annotation : std::define_static_array(std::meta::annotations_of(member))) {
    using N = std::remove_cvref_t<typename[:std::meta::type_of(annotation):]>;
    if constexpr (Note<N>) {
      static constexpr N note = std::meta::extract<N>(annotation);
      note.apply(field);
      found = true;
    }
  }
#endif
  return found;
}

template <class T>
struct Side {
  std::vector<Field> fields;
  std::vector<bool> annotated;
};

template <class T>
Side<T> side_of() {
  Side<T> side;
  for_each_index<T>([&](auto index) {
    constexpr std::size_t i = decltype(index)::value;
    auto& added = side.fields.emplace_back(
        make_field(std::string(boost::pfr::get_name<i, T>()), Convert<boost::pfr::tuple_element_t<i, T>>::type()));
    side.annotated.push_back(apply_annotations<T, i>(added));
  });
  return side;
}

/// The index of a member, found by comparing addresses in a sample object.
template <class T, class M>
std::size_t index_of(const T& sample, M T::* member) {
  std::size_t found = 0;
  boost::pfr::for_each_field(sample, [&](const auto& value, std::size_t i) {
    if (static_cast<const void*>(&value) == static_cast<const void*>(&(sample.*member))) found = i;
  });
  return found;
}

template <class T, class M>
T owner_of(M T::*);

template <class Entry>
using Owner = decltype(owner_of(Entry::member));

template <class Entry, class T>
void apply_entry(const Entry& entry, Side<T>& side) {
  if constexpr (std::same_as<Owner<Entry>, T>) {
    const auto index = index_of(T{}, Entry::member);
    if (side.annotated[index]) {
      throw Error(Errc::signature_error, "the field `" + side.fields[index].name +
                                             "` is described in the table and on the member; keep one of them");
    }
    std::apply([&](const auto&... note) { (note.apply(side.fields[index]), ...); }, entry.notes);
  }
}

template <class S, class... Entries>
void apply_table(const std::tuple<Entries...>& table, Side<typename S::Input>& inputs,
                 Side<typename S::Output>& outputs) {
  static_assert(((std::same_as<Owner<Entries>, typename S::Input> || std::same_as<Owner<Entries>, typename S::Output>) &&
                 ...),
                "dspy::field<…> names a member that belongs neither to this signature's Input nor to its Output");
  std::apply([&](const auto&... entry) { ((apply_entry(entry, inputs), apply_entry(entry, outputs)), ...); }, table);
}

/// True if a name stands on both sides.
template <class In, class Out>
consteval bool sides_clash() {
  bool clash = false;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto against = [&](std::string_view name) {
      [&]<std::size_t... J>(std::index_sequence<J...>) {
        ((clash = clash || boost::pfr::get_name<J, Out>() == name), ...);
      }(std::make_index_sequence<boost::pfr::tuple_size_v<Out>>{});
    };
    (against(boost::pfr::get_name<I, In>()), ...);
  }(std::make_index_sequence<boost::pfr::tuple_size_v<In>>{});
  return clash;
}

template <class S>
Signature build_signature() {
  static_assert(!sides_clash<typename S::Input, typename S::Output>(),
                "a field of this signature has the same name in Input and in Output; rename one");
  auto inputs = side_of<typename S::Input>();
  auto outputs = side_of<typename S::Output>();
  if constexpr (requires { S::fields; }) apply_table<S>(S::fields, inputs, outputs);
  Signature signature{.instructions = {}, .inputs = std::move(inputs.fields), .outputs = std::move(outputs.fields)};
  if constexpr (requires { S::instructions; }) signature.instructions = S::instructions;
  validate(signature);
  return signature;
}

}  // namespace detail

/// The signature that a struct declares.  Built once, then shared by every call.
template <TypedSignature S>
const std::shared_ptr<const Signature>& shared_signature_of() {
  static const auto signature = std::make_shared<const Signature>(reflection::build_signature<S>());
  return signature;
}

template <TypedSignature S>
const Signature& signature_of() {
  return *shared_signature_of<S>();
}

/// The members of an aggregate as values by name.
template <class T>
  requires std::is_aggregate_v<T>
JsonObject to_values(const T& aggregate) {
  JsonObject out;
  out.reserve(boost::pfr::tuple_size_v<T>);
  reflection::for_each_index<T>([&](auto index) {
    constexpr std::size_t i = decltype(index)::value;
    out.emplace(boost::pfr::get_name<i, T>(),
                reflection::Convert<boost::pfr::tuple_element_t<i, T>>::write(boost::pfr::get<i>(aggregate)));
  });
  return out;
}

/// An aggregate from values by name, as a reader returned them.  An absent member keeps its
/// initialiser.  Throws `Error` (`parse_error`) where a number does not fit the member's type.
template <class T>
  requires std::is_aggregate_v<T>
T from_values(const JsonObject& values) {
  T out{};
  reflection::for_each_index<T>([&](auto index) {
    constexpr std::size_t i = decltype(index)::value;
    if (const auto* value = values.if_contains(boost::pfr::get_name<i, T>())) {
      boost::pfr::get<i>(out) = reflection::Convert<boost::pfr::tuple_element_t<i, T>>::read(*value);
    }
  });
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

}  // inline namespace
}  // namespace dspy
