#pragma once

#include "dspy/signature/detail/enumerators.hpp"
#include "dspy/signature/type.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dspy {
namespace detail {

/// Thrown where a value cannot become a member, or a member a value; the name is added by who
/// knows it.
struct Unfit {
  std::string reason;
};

[[noreturn]] void refuse_kind(const Json& value, std::string_view wanted);
[[noreturn]] void refuse_range(const Json& value, std::int64_t lowest, std::uint64_t highest);
[[noreturn]] void refuse_range(const Json& value, double highest);
[[noreturn]] void refuse_name(const Json& value);
[[noreturn]] void refuse_enumerator(long long value);
/// Turn `Unfit` into `Error`: `bad_input` where a struct is written, `parse_error` where one is read.
[[noreturn]] void refuse_to_write(std::string_view member, const Unfit& unfit);
[[noreturn]] void refuse_to_read(std::string_view member, const Unfit& unfit);

}  // namespace detail

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class T>
concept Character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

/// How a C++ type is declared, written and read.
template <class T>
struct Convert {
  static constexpr bool is_struct = std::is_aggregate_v<T> && std::is_class_v<T>;
  static_assert(!is_struct,
                "a struct cannot be a signature's field yet: put its members into Input or Output themselves, or use "
                "std::map<std::string, …>");
  static_assert(is_struct,
                "this type cannot be a signature's field; use std::string, an integer, float or double, bool, an enum "
                "class, or std::optional, std::vector or std::map<std::string, …> of these");

  static Type type();
  static Json write(const T& value);
  static T read(const Json& value);
};

template <>
struct Convert<std::string> {
  static Type type() { return Type::string(); }
  static Json write(const std::string& value) { return Json(value); }
  static std::string read(const Json& value) {
    if (!value.is_string()) detail::refuse_kind(value, "a string");
    return std::string(view(value.get_string()));
  }
};

template <>
struct Convert<bool> {
  static Type type() { return Type::boolean(); }
  static Json write(bool value) { return value; }
  static bool read(const Json& value) {
    if (!value.is_bool()) detail::refuse_kind(value, "a boolean");
    return value.get_bool();
  }
};

template <std::integral T>
  requires(!Character<T>)
struct Convert<T> {
  using Limits = std::numeric_limits<T>;

  static Type type() { return Type::integer(); }
  static Json write(T value) {
    if (std::in_range<std::int64_t>(value)) return static_cast<std::int64_t>(value);
    return static_cast<std::uint64_t>(value);  // which the check of inputs refuses
  }
  static T read(const Json& value) {
    if (value.is_int64() && std::in_range<T>(value.get_int64())) return static_cast<T>(value.get_int64());
    if (value.is_uint64() && std::in_range<T>(value.get_uint64())) return static_cast<T>(value.get_uint64());
    if (!value.is_int64() && !value.is_uint64()) detail::refuse_kind(value, "an integer");
    detail::refuse_range(value, static_cast<std::int64_t>(Limits::min()), static_cast<std::uint64_t>(Limits::max()));
  }
};

template <class T>
  requires std::same_as<T, double> || std::same_as<T, float>
struct Convert<T> {
  static Type type() { return Type::number(); }
  static Json write(T value) { return static_cast<double>(value); }
  static T read(const Json& value) {
    if (!value.is_number()) detail::refuse_kind(value, "a number");
    const auto number = value.to_number<double>();
    constexpr auto most = static_cast<double>(std::numeric_limits<T>::max());
    if (number < -most || number > most) detail::refuse_range(value, most);
    return static_cast<T>(number);
  }
};

template <class E>
  requires std::is_enum_v<E>
struct Convert<E> {
  static_assert(std::is_scoped_enum_v<E>, "a field's enumeration must be an `enum class`");
  static_assert(!enumerators_of_type<E>.empty(), "a field's enumeration has no enumerators within dspy::enum_range");

  static Type type() {
    std::vector<Json> choices;
    for (const auto& each : enumerators_of_type<E>) choices.emplace_back(each.name);
    return Type::literal(std::move(choices));
  }
  static Json write(E value) {
    for (const auto& each : enumerators_of_type<E>) {
      if (each.value == value) return Json(each.name);
    }
    detail::refuse_enumerator(static_cast<long long>(value));
  }
  static E read(const Json& value) {
    if (!value.is_string()) detail::refuse_kind(value, "a string");
    for (const auto& each : enumerators_of_type<E>) {
      if (each.name == view(value.get_string())) return each.value;
    }
    detail::refuse_name(value);
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
    if (!value.is_array()) detail::refuse_kind(value, "a list");
    std::vector<T> out;
    out.reserve(value.get_array().size());
    for (const auto& item : value.get_array()) out.push_back(Convert<T>::read(item));
    return out;
  }
};

template <class Map>
struct ConvertMap {
  using T = typename Map::mapped_type;

  static Type type() { return Type::dict(Type::string(), Convert<T>::type()); }
  static Json write(const Map& members) {
    JsonObject out;
    out.reserve(members.size());
    for (const auto& [key, value] : members) out.emplace(key, Convert<T>::write(value));
    return out;
  }
  static Map read(const Json& value) {
    if (!value.is_object()) detail::refuse_kind(value, "an object");
    Map out;
    for (const auto& member : value.get_object())
      out.emplace(std::string(member.key()), Convert<T>::read(member.value()));
    return out;
  }
};

template <class T, class... Rest>
struct Convert<std::map<std::string, T, Rest...>> : ConvertMap<std::map<std::string, T, Rest...>> {};
template <class T, class... Rest>
struct Convert<std::unordered_map<std::string, T, Rest...>> : ConvertMap<std::unordered_map<std::string, T, Rest...>> {
};

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
