#include "dspy/evaluate/metrics/function_calls.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

namespace {

using namespace dspy;

JsonArray functions() {
  return parse_json(R"([{"name": "shop.find", "parameters": {"type": "dict", "required": ["a"], "properties": {
      "a": {"type": "string"}, "n": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}},
      "where": {"type": "dict"}, "rate": {"type": "float"}}}}])")
      ->as_array();
}

JsonArray truth(std::string_view arguments) {
  return {JsonObject{{"shop.find", *parse_json(arguments)}}};
}

CallsVerdict check(std::string_view accepted, JsonObject arguments, std::string name = "shop_find") {
  return check_calls(functions(), truth(accepted), {{std::move(name), std::move(arguments)}});
}

TEST_CASE("the hand vectors of the leaderboard's rules") {
  const auto* const gold = R"({"a": ["New York"], "n": [5, ""]})";
  CHECK(check(gold, {{"a", "new-york"}}).is_right);
  CHECK(check(gold, {{"a", "New York"}, {"n", 5}}).is_right);
  CHECK(check(gold, {{"a", "New York"}, {"n", 6}}).rule == "value");
  CHECK(check(gold, {{"a", "New York"}, {"z", 1}}).rule == "unexpected");
  CHECK(check(gold, {{"a", "New York"}, {"n", "5"}}).rule == "type");
  CHECK(check(gold, {{"a", "New York"}}, "g").rule == "name");
  CHECK(check(gold, {{"n", 5}}).rule == "missing");
  CHECK(check_calls(functions(), truth(gold), {}).rule == "count");
}

TEST_CASE("lists keep their order, and whole numbers are floats") {
  CHECK(check(R"({"a": ["x"], "tags": [["p", "q"]]})", {{"a", "x"}, {"tags", {"P", "q"}}}).is_right);
  CHECK(check(R"({"a": ["x"], "tags": [["p", "q"]]})", {{"a", "x"}, {"tags", {"q", "p"}}}).rule == "value");
  CHECK(check(R"({"a": ["x"], "tags": [["p"]]})", {{"a", "x"}, {"tags", JsonArray{1}}}).rule == "type");
  CHECK(check(R"({"a": ["x"], "rate": [2.0]})", {{"a", "x"}, {"rate", 2}}).is_right);
  CHECK(check(R"({"a": ["x"], "rate": [2.0]})", {{"a", "x"}}).rule == "missing");
}

TEST_CASE("objects are compared member by member") {
  const auto* const gold = R"({"a": ["x"], "where": [{"city": ["Rome", "Roma"], "zip": ["", 7]}]})";
  CHECK(check(gold, {{"a", "x"}, {"where", {{"city", "roma"}}}}).is_right);
  CHECK(check(gold, {{"a", "x"}, {"where", {{"city", "Rome"}, {"zip", 7}}}}).is_right);
  CHECK_FALSE(check(gold, {{"a", "x"}, {"where", {{"zip", 7}}}}).is_right);
  CHECK_FALSE(check(gold, {{"a", "x"}, {"where", {{"city", "Rome"}, {"street", 1}}}}).is_right);
}

TEST_CASE("parallel calls come in any order; irrelevance is not a call at all") {
  JsonArray both = truth(R"({"a": ["one"]})");
  both.push_back(truth(R"({"a": ["two"]})")[0]);
  CHECK(check_calls(functions(), both, {{"shop.find", {{"a", "two"}}}, {"shop.find", {{"a", "one"}}}}).is_right);
  CHECK_FALSE(check_calls(functions(), both, {{"shop.find", {{"a", "two"}}}, {"shop.find", {{"a", "two"}}}}).is_right);
  CHECK(check_calls(functions(), {}, {}).is_right);
  CHECK_FALSE(check_calls(functions(), {}, {{"shop.find", {{"a", "x"}}}}).is_right);
  CHECK_THROWS_AS(check_calls({}, truth(R"({"a": ["x"]})"), {{"shop.find", {{"a", "x"}}}}), Error);
}

TEST_CASE("pass^k and pass@k") {
  const double hat[] = {0.6, 0.3, 0.1, 0, 0};
  for (std::uint64_t k = 1; k <= 5; ++k) CHECK(pass_hat_k(5, 3, k) == doctest::Approx(hat[k - 1]));
  const double at[] = {0.6, 0.9, 1.0};
  for (std::uint64_t k = 1; k <= 3; ++k) CHECK(pass_at_k(5, 3, k) == doctest::Approx(at[k - 1]));
  CHECK_THROWS_AS(pass_hat_k(5, 6, 1), Error);
  CHECK_THROWS_AS(pass_at_k(5, 3, 0), Error);
}

}  // namespace
