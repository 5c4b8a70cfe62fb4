#pragma once

#include "adapters/writing/value_text.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
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

/// True if the tables are to be written anew: for their author, who reviews the difference.
inline bool updates_golden() {
  return std::getenv("DSPY_UPDATE_GOLDEN") != nullptr;
}

inline void save_cases(const std::string& path, const std::vector<JsonObject>& cases) {
  std::ofstream file(DSPY_TEST_DIR "/cases/" + path);
  for (const auto& data : cases) {
    std::string line;
    append_python_json(line, data);
    file << line << '\n';
  }
}

inline std::string text_of(const Json& value) {
  return std::string(view(value.as_string()));
}

/// The JSONL files in a folder under `tests/cases`, by name.
inline std::vector<std::string> case_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(DSPY_TEST_DIR "/cases/" + folder)) {
    if (entry.path().extension() == ".jsonl") files.push_back(folder + "/" + entry.path().filename().string());
  }
  std::ranges::sort(files);
  return files;
}

/// The reply of a case; `reply_hex` holds one that is not UTF-8.
inline std::string reply_of(const JsonObject& data) {
  if (const auto* const reply = data.if_contains("reply")) return text_of(*reply);
  const auto hex = text_of(data.at("reply_hex"));
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

/// The signature of a case: its notation, with what `fields` says of single fields.
inline Signature signature_of_case(const JsonObject& data) {
  const auto* const instructions = data.if_contains("instructions");
  auto signature = Signature::parse(text_of(data.at("signature")), instructions ? text_of(*instructions) : "");
  const auto* const changes = data.if_contains("fields");
  if (changes == nullptr) return signature;
  for (const auto& change : changes->as_object()) {
    signature = signature.with_updated_field(change.key(), [&](Field& field) {
      Limits limits;
      for (const auto& member : change.value().as_object()) {
        const std::string_view what = member.key();
        const auto& value = member.value();
        if (what == "label") field.label = text_of(value);
        if (what == "description") field.description = text_of(value);
        if (what == "default") field.default_value = value;
        if (what == "ge") limits.ge = value.to_number<double>();
        if (what == "le") limits.le = value.to_number<double>();
        if (what == "min_length") limits.min_length = value.to_number<std::size_t>();
        if (what == "max_length") limits.max_length = value.to_number<std::size_t>();
      }
      field.type = with_limits(field.type, limits);
    });
  }
  return signature;
}

}  // namespace dspy::test
