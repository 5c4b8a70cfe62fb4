#pragma once

// How C++ types are declared, written and read: `Convert<T>`.  Here are the plain ones; the
// containers, times, structs and DSPy's own types have headers of their own beside this one.

#include "dspy/signature/boxed.hpp"
#include "dspy/signature/detail/enumerators.hpp"
#include "dspy/signature/type.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace dspy {
namespace detail {

/// Thrown when a value cannot be converted to a member, or a member to a value.  Each level that knows part of the path
/// prepends it.
struct Unfit {
  std::string reason;
  std::string path = {};

  void within(std::string_view member);
  void within(std::size_t index);
};

[[noreturn]] void refuse_kind(const Json& value, std::string_view wanted);
[[noreturn]] void refuse_range(const Json& value, std::int64_t lowest, std::uint64_t highest);
[[noreturn]] void refuse_range(const Json& value, double highest);
[[noreturn]] void refuse_name(const Json& value);
[[noreturn]] void refuse_enumerator(long long value);
[[noreturn]] void refuse_empty_box();
[[noreturn]] void refuse_count(std::size_t count, std::size_t wanted);
/// Turn `Unfit` into `Error`: `bad_input` where a struct is written, `parse_error` where one is read.
[[noreturn]] void refuse_to_write(const Unfit& unfit);
[[noreturn]] void refuse_to_read(const Unfit& unfit);

}  // namespace detail

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

/// The structs around the one whose type is being made, the nearest first: a struct that holds
/// itself refers to itself.
template <class... Structs>
struct Around {};

/// How a C++ type is declared, written and read.
template <class T>
struct Convert;

template <class T>
concept Character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <>
struct Convert<std::string> {
  template <class Outer>
  static Type type() {
    return Type::string();
  }
  static Json write(const std::string& value) { return Json(value); }
  static std::string read(const Json& value) {
    if (!value.is_string()) detail::refuse_kind(value, "a string");
    return std::string(view(value.get_string()));
  }
};

template <>
struct Convert<bool> {
  template <class Outer>
  static Type type() {
    return Type::boolean();
  }
  static Json write(bool value) { return value; }
  static bool read(const Json& value) {
    if (!value.is_bool()) detail::refuse_kind(value, "a boolean");
    return value.get_bool();
  }
};

template <std::integral T>
  requires(!Character<T>)
struct Convert<T> {
  using Range = std::numeric_limits<T>;

  /// A value that does not fit into the C++ type violates a limit, so masks and schemas include it, and a model that
  /// writes it is told.  Values are 64 bits wide and signed, whatever the C++ type.
  template <class Outer>
  static Type type() {
    if constexpr (sizeof(T) < sizeof(std::int64_t)) return Type::integer({.ge = Range::min(), .le = Range::max()});
    if constexpr (std::is_unsigned_v<T>) return Type::integer({.ge = 0});
    return Type::integer();
  }
  static Json write(T value) {
    if (std::in_range<std::int64_t>(value)) return static_cast<std::int64_t>(value);
    return static_cast<std::uint64_t>(value);  // which the check of inputs refuses
  }
  static T read(const Json& value) {
    if (value.is_int64() && std::in_range<T>(value.get_int64())) return static_cast<T>(value.get_int64());
    if (value.is_uint64() && std::in_range<T>(value.get_uint64())) return static_cast<T>(value.get_uint64());
    if (!value.is_int64() && !value.is_uint64()) detail::refuse_kind(value, "an integer");
    detail::refuse_range(value, static_cast<std::int64_t>(Range::min()), static_cast<std::uint64_t>(Range::max()));
  }
};

template <class T>
  requires std::same_as<T, double> || std::same_as<T, float>
struct Convert<T> {
  template <class Outer>
  static Type type() {
    return Type::number();
  }
  static Json write(T value) { return static_cast<double>(value); }
  static T read(const Json& value) {
    if (!value.is_number()) detail::refuse_kind(value, "a number");
    const auto number = value.to_number<double>();
    constexpr auto most = static_cast<double>(std::numeric_limits<T>::max());
    constexpr auto infinity = std::numeric_limits<double>::infinity();
    const bool is_infinite = number == infinity || number == -infinity;
    if (!is_infinite && (number < -most || number > most)) detail::refuse_range(value, most);
    return static_cast<T>(number);
  }
};

template <class E>
  requires std::is_enum_v<E> && (!std::same_as<E, std::byte>)
struct Convert<E> {
  static_assert(std::is_scoped_enum_v<E>, "a field's enumeration must be an `enum class`");
  static_assert(!enumerators_of_type<E>.empty(), "a field's enumeration has no enumerators within dspy::enum_range");

  template <class Outer>
  static Type type() {
    std::vector<Json> choices;
    std::vector<std::string> labels;
    for (const auto& each : enumerators_of_type<E>) {
      choices.emplace_back(each.name);
      labels.emplace_back(label_of(each));
    }
    if (!has_labels<E>()) return Type::literal(std::move(choices));
    return Type::enumeration(std::string(name_of_type<E>()), std::move(choices), std::move(labels));
  }
  static Json write(E value) { return Json(name_of(value)); }
  static std::string_view name_of(E value) {
    for (const auto& each : enumerators_of_type<E>) {
      if (each.value == value) return each.name;
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

/// Any JSON.
template <>
struct Convert<Json> {
  template <class Outer>
  static Type type() {
    return Type::any();
  }
  static Json write(const Json& value) { return value; }
  static Json read(const Json& value) { return value; }
};

template <>
struct Convert<JsonObject> {
  template <class Outer>
  static Type type() {
    return Type::dict(Type::string(), Type::any());
  }
  static Json write(const JsonObject& value) { return value; }
  static JsonObject read(const Json& value) {
    if (!value.is_object()) detail::refuse_kind(value, "an object");
    return value.get_object();
  }
};

template <>
struct Convert<JsonArray> {
  template <class Outer>
  static Type type() {
    return Type::list(Type::any());
  }
  static Json write(const JsonArray& value) { return value; }
  static JsonArray read(const Json& value) {
    if (!value.is_array()) detail::refuse_kind(value, "a list");
    return value.get_array();
  }
};

/// `None`: the alternative of a variant that holds nothing.
template <>
struct Convert<std::monostate> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::null_};
  }
  static Json write(std::monostate) { return nullptr; }
  static std::monostate read(const Json& value) {
    if (!value.is_null()) detail::refuse_kind(value, "null");
    return {};
  }
};

template <class T>
struct Convert<std::optional<T>> {
  template <class Outer>
  static Type type() {
    return Type::optional(Convert<T>::template type<Outer>());
  }
  static Json write(const std::optional<T>& value) { return value ? Convert<T>::write(*value) : Json(nullptr); }
  static std::optional<T> read(const Json& value) {
    if (value.is_null()) return std::nullopt;
    return Convert<T>::read(value);
  }
};

/// An optional that may contain its enclosing struct.
template <class T>
struct Convert<std::unique_ptr<T>> {
  template <class Outer>
  static Type type() {
    return Type::optional(Convert<T>::template type<Outer>());
  }
  static Json write(const std::unique_ptr<T>& value) { return value ? Convert<T>::write(*value) : Json(nullptr); }
  static std::unique_ptr<T> read(const Json& value) {
    if (value.is_null()) return nullptr;
    return std::make_unique<T>(Convert<T>::read(value));
  }
};

template <class T>
struct Convert<Boxed<T>> {
  template <class Outer>
  static Type type() {
    return Convert<T>::template type<Outer>();
  }
  static Json write(const Boxed<T>& value) {
    if (value.is_empty()) detail::refuse_empty_box();
    return Convert<T>::write(*value);
  }
  static Boxed<T> read(const Json& value) { return Convert<T>::read(value); }
};

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
