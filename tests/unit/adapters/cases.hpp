#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

namespace dspy::test {

/// The objects of a JSONL file under `tests/cases`.
inline std::vector<JsonObject> load_cases(const std::string& path) {
  std::ifstream file(DSPY_TEST_DIR "/cases/" + path);
  REQUIRE_MESSAGE(file, "cannot open " << path);
  std::vector<JsonObject> cases;
  for (std::string line; std::getline(file, line);) {
    auto value = parse_json(line);
    REQUIRE_MESSAGE(value.has_value(), path << ": " << line);
    cases.push_back(std::move(value->as_object()));
  }
  return cases;
}

inline std::string text_of(const Json& value) {
  return std::string(view(value.as_string()));
}

/// The signature of a case: its notation, with what `fields` says of single fields.
inline Signature signature_of_case(const JsonObject& data) {
  const auto* const instructions = data.if_contains("instructions");
  auto signature = Signature::parse(text_of(data.at("signature")), instructions ? text_of(*instructions) : "");
  const auto* const changes = data.if_contains("fields");
  if (changes == nullptr) return signature;
  for (const auto& change : changes->as_object()) {
    signature = signature.with_updated_field(change.key(), [&](Field& field) {
      for (const auto& member : change.value().as_object()) {
        const std::string_view what = member.key();
        const auto& value = member.value();
        if (what == "label") field.label = text_of(value);
        if (what == "description") field.description = text_of(value);
        if (what == "default") field.default_value = value;
        if (what == "minimum") field.minimum = value.to_number<double>();
        if (what == "maximum") field.maximum = value.to_number<double>();
        if (what == "min_length") field.min_length = value.to_number<std::size_t>();
        if (what == "max_length") field.max_length = value.to_number<std::size_t>();
      }
    });
  }
  return signature;
}

}  // namespace dspy::test
