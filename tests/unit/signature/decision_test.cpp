#include "dspy/signature/decision.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/signature.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

std::string python_label(const Json& value) {
  if (value.is_bool()) return value.get_bool() ? "True" : "False";
  if (value.is_null()) return "None";
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

DecisionSpace space_of(const JsonObject& declared) {
  using enum DecisionSpace::Kind;
  const auto type = test::text_at(declared, "type");
  if (type == "noul" || type.ends_with("bool"))
    return {.kind = yes_no, .values = {true, false}, .labels = {"true", "false"}};
  DecisionSpace out{.kind = type == "score" ? score : choice};
  if (type == "score") {
    for (std::size_t i = 0; i < declared.at("levels").as_array().size(); ++i) {
      out.values.emplace_back(i);
      out.labels.push_back(std::to_string(i));
    }
    return out;
  }
  for (const auto& option : declared.at("options").as_array()) {
    const auto& value = option.is_array() ? option.as_array().front() : option;
    out.values.push_back(value);
    out.labels.push_back(python_label(value));
  }
  return out;
}

/// The recorded evidence, in the order of the answers; with those that are not declared behind.
std::pair<std::vector<double>, std::optional<double>> evidence_of(const JsonObject& row, const DecisionSpace& space) {
  const auto& evidence = row.at("evidence").as_object();
  if (const auto* const yes = evidence.if_contains("noul")) {
    const auto p = test::number_in(*yes);
    return {{p, 1 - p}, std::nullopt};
  }
  std::vector<double> out;
  auto left = evidence.at("probabilities").as_object();
  for (const auto& label : space.labels) {
    if (const auto* const p = left.if_contains(label)) out.push_back(test::number_in(*p));
    left.erase(label);
  }
  for (const auto& more : left) out.push_back(test::number_in(more.value()));
  return {std::move(out), test::number_in(evidence.at("confidence"))};
}

}  // namespace

TEST_CASE("Decisions are decoded as Python DSPy 3.4.1 decodes them") {
  std::size_t compared = 0;
  for (const auto& row : test::recorded("decisions")) {
    if (row.at("what") != "decode") continue;
    CAPTURE(to_text(row));
    const auto id = test::text_at(row, "id");
    // Declarations that cannot be written down here.
    if (id == "decisions-0284" || id == "decisions-0285" || id == "decisions-0287" || id == "decisions-0288") continue;
    ++compared;
    const auto space = space_of(row.at("declared").as_object());
    const auto decided = attempt([&] {
      const auto* const config = row.if_contains("config");
      const auto settings = config != nullptr && config->is_object() ? decision_settings_from_json(config->get_object())
                                                                     : DecisionSettings();
      validate(settings, space);
      auto [probabilities, confidence] = evidence_of(row, space);
      return decide(space, settings, std::move(probabilities), confidence);
    });
    // `true` as a weight: a number here must be one.
    CHECK(decided.has_value() != row.contains("error"));
    if (!decided) continue;
    const auto& value = row.contains("plain") ? row.at("plain") : row.at("value");
    if (value.is_double()) {
      CHECK(decided->value.to_number<double>() == doctest::Approx(value.get_double()));
    } else {
      CHECK(decided->value == value);
    }
    if (row.contains("confidence"))
      CHECK(decided->confidence.value() == doctest::Approx(test::number_in(row.at("confidence"))));
    if (row.contains("level")) CHECK(decided->level == row.at("level").to_number<std::size_t>());
  }
  CHECK(compared > 160);
}

TEST_CASE("What can be decided is told by the output's type") {
  const auto space = [](const std::string& type, bool is_scale = false) {
    return decision_space(Signature::parse("a -> b: " + type).outputs[0], is_scale);
  };
  CHECK(space("bool").labels == std::vector<std::string>{"true", "false"});
  CHECK(space("Optional[Literal['x', 'y']]").labels == std::vector<std::string>{"x", "y"});
  CHECK(space("Annotated[int, Field(ge=1, le=5)]", true).labels.size() == 5);
  CHECK(space("Annotated[int, Field(ge=1, le=5)]", true).kind == DecisionSpace::Kind::score);
  CHECK_THROWS_AS(space("str"), Error);
  CHECK_THROWS_AS(space("int"), Error);
  CHECK_THROWS_AS(space("bool", true), Error);
  CHECK_THROWS_WITH_AS(space("Literal['1', 1]"),
                       "`b` has two answers named `1`, which cannot be distinguished by their probabilities", Error);
}

TEST_CASE("A prior takes away what answers have without a reason") {
  const auto space = decision_space(Signature::parse("a -> b: Literal['x', 'y']").outputs[0]);
  const DecisionSettings settings{.prior = {{"x", 0.8}, {"y", 0.2}}};
  const auto decision = decide(space, settings, {0.7, 0.3});
  CHECK(decision.value == "y");
  CHECK(decision.confidence.value() == doctest::Approx(1.5 / (0.875 + 1.5)));
  CHECK(decision.probability("x") == 0.7);
  CHECK_FALSE(decision.probability("z").has_value());
  CHECK_THROWS_AS(validate({.prior = {{"x", 1}}}, space), Error);
  CHECK_THROWS_AS(validate({.prior = {{"x", 0.0}, {"y", 1}}}, space), Error);
  CHECK_THROWS_AS(validate({.threshold = 0.5}, space), Error);
}

TEST_CASE("A decision without probabilities is what the model wrote, and says so") {
  const auto field = Signature::parse("a -> b: bool").outputs[0];
  const auto decision = decision_of({.data = {{"b", true}}}, field);
  CHECK(decision.value == true);
  CHECK_FALSE(decision.confidence.has_value());
  CHECK(to_text(Json(to_json(decision))) == R"({"value":true,"method":"none"})");
  const Prediction measured{.data = {{"b", true}}, .probabilities = {{"b.true", 0.25}, {"b.false", 0.75}}};
  CHECK(decision_of(measured, field, {.threshold = 0.2}).value == true);
  CHECK(decision_of(measured, field).method == DecisionMethod::measured);
}
