// What JSON Schema's own test suite checks, as far as types can say it: tests/cases/schema/*.jsonl.
//
// A line holds a `schema` and either `tests`, values that are `valid` or not, or `refused`, a part of
// the error.  Where a type accepts another set than the schema, `accepted` says so and `because` why.

#include "dspy/base/error.hpp"
#include "dspy/signature/json_schema.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace dspy;

namespace {

std::vector<JsonObject> cases_in(const std::filesystem::path& file) {
  std::vector<JsonObject> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto json = parse_json(line);
    REQUIRE_MESSAGE(json.has_value(), line);
    out.push_back(json->get_object());
  }
  return out;
}

void check_values(const JsonObject& each, const Type& type) {
  for (const auto& test : each.at("tests").get_array()) {
    const auto& value = test.at("data");
    CAPTURE(to_text(value));
    const auto* accepted = test.get_object().if_contains("accepted");
    const auto fitted = fit(type, value);
    CHECK_MESSAGE(fitted.has_value() == (accepted != nullptr ? *accepted : test.at("valid")).get_bool(),
                  (fitted ? std::string("it fits") : to_sentence(fitted.error())));
  }
}

}  // namespace

TEST_CASE("Types that are read from schemas accept what the schemas accept") {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(DSPY_TEST_DIR "/cases/schema")) {
    CAPTURE(file.path().filename().string());
    for (const auto& each : cases_in(file.path())) {
      const auto& schema = each.at("schema");
      CAPTURE(to_text(each.at("about")));
      CAPTURE(to_text(schema));
      ++count;
      const auto imported = attempt([&] { return parse_json_schema(to_text(schema)); });
      if (const auto* refused = each.if_contains("refused")) {
        REQUIRE_FALSE(imported.has_value());
        CHECK(imported.error().code() == Errc::signature_error);
        CAPTURE(std::string(imported.error().what()));
        CHECK(std::string_view(imported.error().what()).contains(view(refused->get_string())));
        continue;
      }
      REQUIRE_MESSAGE(imported.has_value(), std::string(imported.error().what()));
      if (const auto* type = each.if_contains("type")) CHECK(to_notation(imported->type) == view(type->get_string()));
      if (const auto* gaps = each.if_contains("gaps")) {
        JsonArray found;
        for (const auto& gap : imported->gaps) found.push_back(Json(gap.path));
        CHECK(to_text(found) == to_text(*gaps));
      }
      check_values(each, imported->type);

      // Through our own schema and back it accepts the same.
      CAPTURE(to_text(to_json_schema(imported->type).schema));
      check_values(each, from_json_schema(to_json_schema(imported->type).schema).type);
    }
  }
  CHECK(count > 150);
}
