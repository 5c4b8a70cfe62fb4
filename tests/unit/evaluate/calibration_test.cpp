#include "dspy/evaluate/calibration.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/signature/signature.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace dspy;

namespace {

DecisionSpace yes_or_no() {
  return decision_space(Signature::parse("a -> b: bool").outputs[0]);
}

std::vector<Evidence> yes_at(std::initializer_list<std::pair<double, bool>> examples) {
  std::vector<Evidence> out;
  for (const auto& [p, label] : examples) out.push_back({{p, 1 - p}, label});
  return out;
}

}  // namespace

TEST_CASE("A fitted threshold is the one that Python DSPy 3.4.1's ReAnchor finds") {
  std::size_t compared = 0, same = 0;
  for (const auto& row : test::recorded("reanchor")) {
    if (row.at("output") != "noul") continue;
    const auto& fitted = row.at("fitted").as_array().front().as_object();
    if (!fitted.contains("value")) continue;
    CAPTURE(to_text(row));
    std::vector<Evidence> evidence;
    const auto count = row.at("train").to_number<std::size_t>();
    for (std::size_t i = 0; i < count; ++i) {
      const auto p = test::number_in(row.at("evidence").as_array()[i].as_object().at("noul"));
      evidence.push_back({{p, 1 - p}, row.at("labels").as_array()[i]});
    }
    const auto* const start = row.if_contains("start");
    const auto settings =
        start != nullptr && start->is_object() ? decision_settings_from_json(start->get_object()) : DecisionSettings();
    const auto found = fit_decision(yes_or_no(), settings, evidence);
    ++compared;
    CHECK(found.fitted == doctest::Approx(test::number_in(fitted.at("train_score"))).epsilon(1e-3));
    CHECK(found.start == doctest::Approx(test::number_in(fitted.at("train_score_at_start"))).epsilon(1e-3));
    // The folds are drawn by another generator, so one that is hardly better may be kept there and not here.
    same += found.is_kept && found.settings.threshold == test::number_in(fitted.at("value")) ? 1U : 0U;
  }
  CHECK(compared == 7);
  CHECK(same >= 5);
}

TEST_CASE("A threshold is kept only if it helps on examples that it was not found on") {
  const auto clear = fit_decision(yes_or_no(), {},
                                  yes_at({{0.9, true},
                                          {0.85, true},
                                          {0.8, true},
                                          {0.88, true},
                                          {0.7, false},
                                          {0.65, false},
                                          {0.6, false},
                                          {0.72, false}}));
  CHECK(clear.is_kept);
  CHECK(clear.settings.threshold == 0.76);
  CHECK(clear.start == 0.5);
  CHECK(clear.fitted == 1);

  Random random(5);
  std::vector<Evidence> noise;
  for (int i = 0; i < 40; ++i) {
    const double p = random.uniform();
    noise.push_back({{p, 1 - p}, random.uniform() < 0.5});
  }
  const auto chance = fit_decision(yes_or_no(), {}, noise);
  CHECK(chance.held_out <= chance.fitted);
  CHECK(fit_decision(yes_or_no(), {}, yes_at({{0.9, false}, {0.1, true}})).skipped.contains("too few"));
  CHECK_FALSE(fit_decision(yes_or_no(), {}, yes_at({{0.9, true}, {0.8, true}, {0.1, false}, {0.2, false}})).is_kept);
  CHECK_THROWS_AS(fit_decision(yes_or_no(), {}, std::vector<Evidence>{{{0.5, 0.5}, "maybe"}}), Error);
}

TEST_CASE("Weights and cuts are fitted as well") {
  const auto choice = decision_space(Signature::parse("a -> b: Literal['x', 'y', 'z']").outputs[0]);
  std::vector<Evidence> skewed;
  for (int i = 0; i < 12; ++i) {
    const double up = 0.02 * (i % 4);
    skewed.push_back({{0.6 - up, 0.3 + up, 0.1}, "y"});
    skewed.push_back({{0.8 - up, 0.1 + up, 0.1}, "x"});
  }
  const auto weighed = fit_decision(choice, {}, skewed);
  CHECK(weighed.start == 0.5);
  CHECK(weighed.fitted == 1);
  CHECK(weighed.is_kept);

  const auto scale = decision_space(Signature::parse("a -> b: Annotated[int, Field(ge=0, le=2)]").outputs[0], true);
  std::vector<Evidence> high;
  for (int i = 0; i < 10; ++i) {
    high.push_back({{0.3, 0.3, 0.4}, 0});
    high.push_back({{0.1, 0.3, 0.6}, 2});
  }
  const auto cut = fit_decision(scale, {.is_scale = true}, high);
  CHECK(cut.fitted > cut.start);
  CHECK(cut.settings.cuts.size() == 2);
}

TEST_CASE("A prior is the mean of what is said over many inputs, on the scale of ratios") {
  const auto prior = mean_prior(yes_or_no(), std::vector<std::vector<double>>{{0.9, 0.1}, {0.7, 0.3}});
  const double ratio = std::sqrt(9 * (0.7 / 0.3));
  CHECK(prior.at("true") == doctest::Approx(ratio / (1 + ratio)));
  CHECK(prior.at("false") == doctest::Approx(1 / (1 + ratio)));
  CHECK(mean_prior(yes_or_no(), std::vector<std::vector<double>>{{1, 0}}).at("false") > 0);
  CHECK_THROWS_AS(mean_prior(yes_or_no(), {}), Error);
  // With two answers, dividing by it puts the threshold there.
  CHECK(decide(yes_or_no(), {.prior = prior}, {0.83, 0.17}).value == true);
  CHECK(decide(yes_or_no(), {.prior = prior}, {0.81, 0.19}).value == false);
}

TEST_CASE("A weight stands in the middle of the ratios that it may have, not at the nearest round number") {
  const auto space = decision_space(Signature::parse("a -> b: Literal['x', 'y']").outputs[0]);
  std::vector<Evidence> evidence;
  for (const double p : {0.97, 0.98, 0.99}) evidence.push_back({{p, 1 - p}, "x"});
  for (const double p : {0.60, 0.70, 0.85}) evidence.push_back({{p, 1 - p}, "y"});
  const auto fitted = fit_decision(space, {}, evidence);
  REQUIRE(fitted.is_kept);
  // The odds that part the answers are between 5.7 and 32.3; their middle is 13.5.
  CHECK(decide(space, fitted.settings, {10.0 / 11, 1.0 / 11}).value == "y");
  CHECK(decide(space, fitted.settings, {18.0 / 19, 1.0 / 19}).value == "x");
}
