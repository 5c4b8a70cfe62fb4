#include "dspy/adapters/field_adapter.hpp"

#include <doctest/doctest.h>

using namespace dspy;

namespace {

Signature ranged() {
  auto signature = Signature::parse("text -> low: int, high: int");
  signature.validators.push_back({"in_order", [](const Json& outputs) -> std::optional<std::string> {
                                    if (outputs.at("low").as_int64() <= outputs.at("high").as_int64())
                                      return std::nullopt;
                                    return "has `low` above `high`";
                                  }});
  signature.computed.push_back({make_field("width", Type::integer()), [](const JsonObject& outputs) {
                                  return Json(outputs.at("high").as_int64() - outputs.at("low").as_int64());
                                }});
  return signature;
}

}  // namespace

TEST_CASE("A reading has what is computed from it, after the outputs") {
  const auto reading = FieldAdapter().parse(ranged(), "Low: 3\nHigh: 5");

  REQUIRE(reading);
  CHECK(to_text(reading->outputs) == R"({"low":3,"high":5,"width":2})");
}

TEST_CASE("A reply that breaks a rule of the whole output is refused under the rule's name") {
  const auto reading = FieldAdapter().parse(ranged(), "Low: 7\nHigh: 5");

  REQUIRE_FALSE(reading);
  REQUIRE(reading.error().invalid.size() == 1);
  CHECK(reading.error().invalid[0].field == "in_order");
  CHECK(reading.error().invalid[0].reason == "the output has `low` above `high`");
  CHECK(reading.error().violations() ==
        Violations{{.path = "", .rule = "in_order", .value = nullptr, .message = "has `low` above `high`"}});
  CHECK(reading.error().partial == JsonObject{{"low", 7}, {"high", 5}});
  CHECK(reading.error().raw == "Low: 7\nHigh: 5");
}
