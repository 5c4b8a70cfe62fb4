#pragma once

// `Convert` for what holds several values.

#include "dspy/signature/detail/convert_structs.hpp"

#include <array>
#include <charconv>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace dspy {
namespace detail {

/// The union of a variant's alternatives.  Throws `Error` (`signature_error`) if two of them differ only in names and
/// ranges of numbers, so that they are indistinguishable in JSON.
Type type_of_variant(std::vector<Type> alternatives);

/// The first type that the value has exactly, otherwise the first that it fits (2 as a float); throws `Unfit` if there
/// is none.
std::size_t alternative_of(std::span<const Type> types, const Json& value);

std::vector<std::byte> read_bytes(const Json& value);
Json write_bytes(std::span<const std::byte> bytes);

[[noreturn]] void refuse_key(std::string_view key, std::string_view wanted);

}  // namespace detail

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class Items>
Json write_items(const Items& items) {
  using T = typename Items::value_type;
  JsonArray out;
  out.reserve(items.size());
  std::size_t index = 0;
  try {
    for (const auto& item : items) {
      out.push_back(Convert<T>::write(item));
      ++index;
    }
  } catch (detail::Unfit& unfit) {
    unfit.within(index);
    throw;
  }
  return out;
}

/// Calls `add(item)` with each item of a list, converted to `T`.
template <class T, class F>
void read_items(const Json& value, F&& add) {
  if (!value.is_array()) detail::refuse_kind(value, "a list");
  std::size_t index = 0;
  try {
    for (const auto& item : value.get_array()) {
      add(Convert<T>::read(item));
      ++index;
    }
  } catch (detail::Unfit& unfit) {
    unfit.within(index);
    throw;
  }
}

template <class T>
struct Convert<std::vector<T>> {
  template <class Outer>
  static Type type() {
    return Type::list(Convert<T>::template type<Outer>());
  }
  static Json write(const std::vector<T>& items) { return write_items(items); }
  static std::vector<T> read(const Json& value) {
    std::vector<T> out;
    if (value.is_array()) out.reserve(value.get_array().size());
    read_items<T>(value, [&](T item) { out.push_back(std::move(item)); });
    return out;
  }
};

template <>
struct Convert<std::vector<std::byte>> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::bytes};
  }
  static Json write(const std::vector<std::byte>& bytes) { return detail::write_bytes(bytes); }
  static std::vector<std::byte> read(const Json& value) { return detail::read_bytes(value); }
};

template <class T, std::size_t N>
struct Convert<std::array<T, N>> {
  template <class Outer>
  static Type type() {
    return Type::list(Convert<T>::template type<Outer>(), {.min_length = N, .max_length = N});
  }
  static Json write(const std::array<T, N>& items) { return write_items(items); }
  static std::array<T, N> read(const Json& value) {
    if (value.is_array() && value.get_array().size() != N) detail::refuse_count(value.get_array().size(), N);
    std::array<T, N> out{};
    std::size_t index = 0;
    read_items<T>(value, [&](T item) { out[index++] = std::move(item); });
    return out;
  }
};

template <class Set>
struct ConvertSet {
  using T = typename Set::value_type;

  template <class Outer>
  static Type type() {
    return Type::set(Convert<T>::template type<Outer>());
  }
  static Json write(const Set& items) { return write_items(items); }
  static Set read(const Json& value) {
    Set out;
    read_items<T>(value, [&](T item) { out.insert(std::move(item)); });
    return out;
  }
};

template <class T, class... Rest>
struct Convert<std::set<T, Rest...>> : ConvertSet<std::set<T, Rest...>> {};
template <class T, class... Rest>
struct Convert<std::unordered_set<T, Rest...>> : ConvertSet<std::unordered_set<T, Rest...>> {};

/// How a type is written as the key of a JSON object.
template <class K>
struct Key {
  static_assert(std::is_enum_v<K>, "the keys of a map must be std::string, integers or an enum class");
  static std::string write(K key) { return std::string(Convert<K>::name_of(key)); }
  static K read(std::string_view text) { return Convert<K>::read(Json(text)); }
};

template <>
struct Key<std::string> {
  static std::string_view write(std::string_view key) { return key; }
  static std::string read(std::string_view text) { return std::string(text); }
};

template <std::integral K>
  requires(!Character<K> && !std::same_as<K, bool>)
struct Key<K> {
  static std::string write(K key) { return std::to_string(key); }
  static K read(std::string_view text) {
    K key = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), key);
    if (error != std::errc() || stop != text.data() + text.size())
      detail::refuse_key(text, "an integer of its C++ type");
    return key;
  }
};

template <class Map>
struct ConvertMap {
  using K = typename Map::key_type;
  using T = typename Map::mapped_type;

  template <class Outer>
  static Type type() {
    return Type::dict(Convert<K>::template type<Outer>(), Convert<T>::template type<Outer>());
  }
  static Json write(const Map& members) {
    JsonObject out;
    out.reserve(members.size());
    std::string name;
    try {
      for (const auto& [key, value] : members) {
        name = Key<K>::write(key);
        out.emplace(name, Convert<T>::write(value));
      }
    } catch (detail::Unfit& unfit) {
      unfit.within(name);
      throw;
    }
    return out;
  }
  static Map read(const Json& value) {
    if (!value.is_object()) detail::refuse_kind(value, "an object");
    Map out;
    std::string_view name;
    try {
      for (const auto& member : value.get_object()) {
        name = member.key();
        out.emplace(Key<K>::read(name), Convert<T>::read(member.value()));
      }
    } catch (detail::Unfit& unfit) {
      unfit.within(name);
      throw;
    }
    return out;
  }
};

template <class K, class T, class... Rest>
struct Convert<std::map<K, T, Rest...>> : ConvertMap<std::map<K, T, Rest...>> {};
template <class K, class T, class... Rest>
struct Convert<std::unordered_map<K, T, Rest...>> : ConvertMap<std::unordered_map<K, T, Rest...>> {};

template <class Tuple, class... Ts>
struct ConvertTuple {
  template <class Outer>
  static Type type() {
    std::vector<Type> items;
    items.reserve(sizeof...(Ts));
    (items.push_back(Convert<Ts>::template type<Outer>()), ...);
    return Type::tuple(std::move(items));
  }
  static Json write(const Tuple& items) {
    JsonArray out;
    out.reserve(sizeof...(Ts));
    try {
      std::apply([&](const auto&... item) { (out.push_back(Convert<Ts>::write(item)), ...); }, items);
    } catch (detail::Unfit& unfit) {
      unfit.within(out.size());
      throw;
    }
    return out;
  }
  static Tuple read(const Json& value) {
    if (!value.is_array()) detail::refuse_kind(value, "a list");
    const auto& items = value.get_array();
    if (items.size() != sizeof...(Ts)) detail::refuse_count(items.size(), sizeof...(Ts));
    std::size_t index = 0;
    [[maybe_unused]] const auto next = [&]<class T>(std::type_identity<T>) {
      T item = Convert<T>::read(items[index]);
      ++index;
      return item;
    };
    try {
      return Tuple{next(std::type_identity<Ts>{})...};  // braces: from the left
    } catch (detail::Unfit& unfit) {
      unfit.within(index);
      throw;
    }
  }
};

template <class... Ts>
struct Convert<std::tuple<Ts...>> : ConvertTuple<std::tuple<Ts...>, Ts...> {};
template <class A, class B>
struct Convert<std::pair<A, B>> : ConvertTuple<std::pair<A, B>, A, B> {};

template <class First, class... Rest>
consteval bool any_alike() {
  if constexpr (sizeof...(Rest) == 0) {
    return false;
  } else {
    return (are_alike<First, Rest>() || ...) || any_alike<Rest...>();
  }
}

template <class... Ts>
struct Convert<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;

  template <class Outer>
  static Type type() {
    static_assert(!any_alike<Ts...>(),
                  "two alternatives of a std::variant are structs with the same members, so JSON cannot tell which of "
                  "them was meant; give one a member that the other lacks, or an enumeration of its own that names it");
    return detail::type_of_variant(types<Outer>());
  }
  static Json write(const Variant& value) {
    return std::visit([]<class T>(const T& held) { return Convert<T>::write(held); }, value);
  }
  static Variant read(const Json& value) {
    static const auto alternatives = types<Around<>>();
    using Read = Variant (*)(const Json&);
    static constexpr Read readers[] = {
        [](const Json& json) { return Variant(std::in_place_type<Ts>, Convert<Ts>::read(json)); }...};
    return readers[detail::alternative_of(alternatives, value)](value);
  }

 private:
  template <class Outer>
  static std::vector<Type> types() {
    std::vector<Type> out;
    out.reserve(sizeof...(Ts));
    (out.push_back(Convert<Ts>::template type<Outer>()), ...);
    return out;
  }
};

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
