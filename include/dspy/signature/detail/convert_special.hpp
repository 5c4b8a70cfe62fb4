#pragma once

// `Convert` for DSPy's own types.

#include "dspy/signature/detail/convert_containers.hpp"
#include "dspy/signature/detail/convert_structs.hpp"
#include "dspy/signature/history.hpp"
#include "dspy/signature/media.hpp"

namespace dspy {
namespace detail {

Json write_history(const History& history);
History read_history(const Json& value);

}  // namespace detail

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <>
inline constexpr auto kind_of_struct<Image> = Type::Kind::image;
template <>
inline constexpr auto kind_of_struct<Audio> = Type::Kind::audio;
template <>
inline constexpr auto kind_of_struct<File> = Type::Kind::file;
template <>
inline constexpr auto kind_of_struct<Document> = Type::Kind::document;
template <>
inline constexpr auto kind_of_struct<Citations> = Type::Kind::citations;
template <>
inline constexpr auto kind_of_struct<Tool> = Type::Kind::tool;
template <>
inline constexpr auto kind_of_struct<ToolCalls> = Type::Kind::tool_calls;

template <>
inline constexpr bool leaves_out_null<Citation> = true;
template <>
inline constexpr bool leaves_out_null<ToolCall> = true;
template <>
inline constexpr bool leaves_out_null<ToolCallResult> = true;

template <>
struct Convert<History> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::history};
  }
  static Json write(const History& value) { return detail::write_history(value); }
  static History read(const Json& value) { return detail::read_history(value); }
};

template <>
struct Convert<Reasoning> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::reasoning};
  }
  static Json write(const Reasoning& value) { return Json(value.text); }
  static Reasoning read(const Json& value) { return {Convert<std::string>::read(value)}; }
};

template <Language Name>
struct Convert<Code<Name>> {
  template <class Outer>
  static Type type() {
    return Type::code(std::string(Name.view()));
  }
  static Json write(const Code<Name>& value) { return Json(value.text); }
  static Code<Name> read(const Json& value) { return {Convert<std::string>::read(value)}; }
};

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
