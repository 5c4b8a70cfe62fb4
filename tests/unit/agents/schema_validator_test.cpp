#include "dspy/agents/schema_validator.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

using namespace dspy;

Violations check(std::string_view schema, std::string_view value) {
  return SchemaValidator(*parse_json(schema)).check(*parse_json(value));
}

TEST_CASE("violations name the place, the rule and the value") {
  const auto* const schema = R"({"type": "object", "required": ["lines"], "additionalProperties": false, "properties": {
      "lines": {"type": "array", "items": {"properties": {"price": {"type": "number", "maximum": 5}}}}}})";
  CHECK(check(schema, R"({"lines": [{"price": 5}]})").empty());
  const auto found = check(schema, R"({"lines": [{"price": 7}], "x": 1})");
  REQUIRE(found.size() == 2);
  CHECK(to_sentence(found) == "`lines[0].price` is 7, above the maximum 5; `x` is not known; leave it out");
  CHECK(check(schema, "{}")[0].rule == "missing");
}

TEST_CASE("references stay within the schema, and may be recursive") {
  const auto* const tree = R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {
      "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "unevaluatedProperties": false}}})";
  CHECK(check(tree, R"({"children": [{"children": []}]})").empty());
  CHECK_FALSE(check(tree, R"({"children": [{"child": []}]})").empty());
  for (const auto* const bad :
       {R"({"$ref": "https://example.org/schema"})", R"({"$ref": "#/$defs/none"})", R"({"$ref": "#none"})",
        R"({"type": "integr"})", R"({"required": "a"})", R"({"pattern": "("})", R"({"minimum": "1"})",
        R"({"items": 3})", R"({"multipleOf": 0})", R"(3)"})
    CHECK_THROWS_AS(SchemaValidator(*parse_json(bad)), Error);
  CHECK_THROWS_AS(check(R"({"$ref": "#"})", "1"), Error);  // no way out
}

TEST_CASE("numbers are compared by what they are worth") {
  CHECK(check(R"({"type": "integer"})", "1.0").empty());
  CHECK_FALSE(check(R"({"type": "integer"})", "1.5").empty());
  CHECK(check(R"({"enum": [1]})", "1.0").empty());
  CHECK(check(R"({"multipleOf": 0.0001})", "0.0075").empty());
  CHECK_FALSE(check(R"({"multipleOf": 0.0001})", "0.00751").empty());
}

/// The official suite (json-schema-org/JSON-Schema-Test-Suite), where the environment says where it is:
/// DSPY_SCHEMA_SUITE=…/tests/draft2020-12.  Left out: what needs schemas from elsewhere, which are never fetched, the
/// vocabularies of meta-schemas, and patterns that cannot be matched in bounded time.
TEST_CASE("the official test suite of draft 2020-12") {
  const char* const folder = std::getenv("DSPY_SCHEMA_SUITE");
  if (folder == nullptr) {
    MESSAGE("skipped: DSPY_SCHEMA_SUITE does not say where the suite is");
    return;
  }
  int passed = 0, failed = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "refRemote.json" || name == "vocabulary.json") continue;
    const auto groups = parse_json(read_text(entry.path(), 1 << 24));
    if (!groups) continue;
    for (const auto& group : groups->as_array()) {
      const auto validator = attempt([&] { return SchemaValidator(group.at("schema")); });
      if (!validator) {
        MESSAGE("refused: " << name << ": " << std::string(view(group.at("description").as_string())) << ": "
                            << validator.error().what());
        refused += static_cast<int>(group.at("tests").as_array().size());
        continue;
      }
      for (const auto& test : group.at("tests").as_array()) {
        const bool good = validator->accepts(test.at("data")) == test.at("valid").as_bool();
        good ? ++passed : ++failed;
        CHECK_MESSAGE(good, name, ": ", std::string(view(group.at("description").as_string())), ": ",
                      std::string(view(test.at("description").as_string())));
      }
    }
  }
  MESSAGE("passed " << passed << ", failed " << failed << ", refused " << refused);
}

}  // namespace
