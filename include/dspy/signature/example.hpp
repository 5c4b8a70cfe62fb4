#pragma once

#include "dspy/base/json.hpp"

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

struct Signature;

/// A row of data: values by field name, and which of them are inputs.  Serves as training
/// example, demonstration and turn of a conversation.
///
///     Example example({{"question", "2+2?"}, {"answer", "4"}}, {"question"});
struct Example {
  JsonObject data;
  std::vector<std::string> input_keys;
  std::vector<std::string> output_keys;

  Example() = default;
  /// `inputs` names the input fields; every other key becomes an output.
  Example(JsonObject data, std::vector<std::string> inputs);
  Example(std::initializer_list<std::pair<std::string_view, JsonRef>> data,
          std::initializer_list<std::string_view> inputs);
  /// Keys that neither names belong to no side.
  Example(JsonObject data, std::vector<std::string> inputs, std::vector<std::string> outputs);
  Example(std::initializer_list<std::pair<std::string_view, JsonRef>> data,
          std::initializer_list<std::string_view> inputs, std::initializer_list<std::string_view> outputs);
  /// Takes inputs and outputs from a signature; unknown keys belong to neither.  Media in Python DSPy's format become
  /// values of their type.  (A template, so that braces always mean a list of names.)
  template <std::same_as<Signature> S>
  Example(JsonObject values, const S& signature) : data(std::move(values)) {
    take_sides(signature);
  }

  /// The values of the input (output) keys, in that order.
  JsonObject inputs() const;
  JsonObject outputs() const;

  /// The value of `key`, or null if there is none.
  const Json* get(std::string_view key) const noexcept;
  /// Adds or replaces a value.  A key on neither side becomes an output.
  void set(std::string_view key, Json value);

  bool operator==(const Example&) const = default;

 private:
  void take_sides(const Signature& signature);
};

}  // namespace dspy
