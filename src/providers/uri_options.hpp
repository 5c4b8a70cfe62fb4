#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

// What the options of model strings have in common.

namespace dspy::providers {

[[noreturn]] inline void unreadable_option(std::string_view name, std::string_view value, std::string_view wanted) {
  throw Error(Errc::config_error, std::format("the option `{}={}` of a model string needs {}", name, value, wanted));
}

template <class T>
T read_option(std::string_view name, std::string_view value) {
  if constexpr (std::same_as<T, bool>) {
    if (value == "true" || value == "1" || value == "on") return true;
    if (value == "false" || value == "0" || value == "off") return false;
    unreadable_option(name, value, "`true` or `false`");
  } else {
    T number{};
    const auto* const end = value.data() + value.size();
    const auto [parsed, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc{} || parsed != end)
      unreadable_option(name, value, std::floating_point<T> ? "a number" : "a whole number");
    return number;
  }
}

inline std::chrono::milliseconds read_seconds(std::string_view name, std::string_view value) {
  const auto seconds = read_option<double>(name, value);
  if (!(seconds > 0) || seconds > 1e6) unreadable_option(name, value, "a number of seconds above 0");
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

[[noreturn]] inline void refuse_key(std::string_view name) {
  throw Error(Errc::config_error,
              std::format("`{}` does not belong in a model's name, which is logged; put the key into a variable "
                          "of the environment, and name that by `api_key_env`",
                          name));
}

/// `table` has the options there are.
template <class Table>
[[noreturn]] void unknown_option(std::string_view name, const Table& table) {
  std::vector<std::string> known;
  for (const auto& [option, unused] : table) known.push_back(option);
  const auto near = text::nearest(name, known);
  throw Error(Errc::config_error, std::format("a model string has no option `{}`; {}", name,
                                              near ? std::format("did you mean `{}`?", *near)
                                                   : std::format("there is {}", text::enumerate(known, "`", "and"))));
}

}  // namespace dspy::providers
