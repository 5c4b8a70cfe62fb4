#pragma once

#include "dspy/base/json.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::test {

/// The rows of a file of recorded behaviour under tests/cases/dspy/3.4.1.
inline std::vector<JsonObject> recorded(const std::string& name) {
  std::ifstream file(DSPY_TEST_DIR "/cases/dspy/3.4.1/" + name + ".jsonl");
  std::vector<JsonObject> out;
  for (std::string line; std::getline(file, line);) {
    auto json = parse_json(line);
    REQUIRE_MESSAGE(json.has_value(), line);
    out.push_back(std::move(json->as_object()));
  }
  REQUIRE(!out.empty());
  return out;
}

inline std::string text_at(const JsonObject& row, std::string_view name) {
  const auto* const value = row.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

/// A number as it was recorded: `{"$float": "nan"}` is one too, and so are `true` and `false`.
inline double number_in(const Json& value) {
  if (value.is_bool()) return value.get_bool() ? 1 : 0;
  if (value.is_number()) return value.to_number<double>();
  const auto text = text_at(value.as_object(), "$float");
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  return text == "-inf" ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

inline std::vector<std::string> texts_in(const Json& value) {
  if (value.is_string()) return {std::string(view(value.get_string()))};
  std::vector<std::string> out;
  for (const auto& item : value.as_array()) out.emplace_back(view(item.as_string()));
  return out;
}

}  // namespace dspy::test
