#pragma once

// The members of a struct, by index: what notes, names and conversion have in common.

#include "dspy/signature/detail/mode.hpp"

#include <boost/pfr/core.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace dspy {
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

#if DSPY_REFLECTION

consteval auto member_of(std::meta::info type, std::size_t index) {
  return std::meta::nonstatic_data_members_of(type, std::meta::access_context::unchecked())[index];
}

#endif

/// True if the struct has its own table; a member that happens to be called `fields` does not count.
template <class T>
concept HasTable = requires { &T::fields; } && !std::is_member_object_pointer_v<decltype(&T::fields)>;

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
