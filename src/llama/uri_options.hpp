#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/llama/context_options.hpp"

#include <charconv>
#include <concepts>
#include <format>
#include <string>
#include <string_view>
#include <vector>

// What the options of `llama:` URIs have in common.

namespace dspy::llama {

[[noreturn]] inline void unreadable(std::string_view name, std::string_view value, std::string_view wanted) {
  throw Error(Errc::config_error, std::format("the option `{}={}` of a `llama:` URI needs {}", name, value, wanted));
}

template <class T>
T read(std::string_view name, std::string_view value) {
  if constexpr (std::same_as<T, bool>) {
    if (value == "true" || value == "1" || value == "on") return true;
    if (value == "false" || value == "0" || value == "off") return false;
    unreadable(name, value, "`true` or `false`");
  } else {
    T number{};
    const auto* const end = value.data() + value.size();
    const auto [parsed, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc{} || parsed != end)
      unreadable(name, value,
                 std::floating_point<T>    ? "a number"
                 : std::signed_integral<T> ? "a whole number"
                                           : "a whole number of at least 0");
    return number;
  }
}

inline Kernels kernels_of(std::string_view name, std::string_view value) {
  if (value != "auto" && value != "library") unreadable(name, value, "`auto` or `library`");
  return value == "auto" ? Kernels::automatic : Kernels::library;
}

/// `table` has the options there are.
template <class Table>
[[noreturn]] void unknown_option(std::string_view name, const Table& table) {
  std::vector<std::string> known;
  for (const auto& [option, unused] : table) known.push_back(option);
  const auto near = text::nearest(name, known);
  throw Error(Errc::config_error, std::format("a `llama:` URI has no option `{}`; {}", name,
                                              near ? std::format("did you mean `{}`?", *near)
                                                   : std::format("there is {}", text::enumerate(known, "`", "and"))));
}

}  // namespace dspy::llama
