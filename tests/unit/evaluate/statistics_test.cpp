#include "dspy/evaluate/statistics.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace dspy;
using namespace dspy::statistics;

namespace {

doctest::Approx close(double value) {
  return doctest::Approx(value).epsilon(1e-9);
}

}  // namespace

// Reference values: SciPy 1.10.1 and statsmodels 0.13.5.

TEST_CASE("Distributions agree with SciPy") {
  CHECK(normal_above(1) == close(.15865525393145707));
  CHECK(normal_above(6) == close(9.865876450376946e-10));
  CHECK(normal_quantile(.975) == close(1.959963984540054));
  CHECK(normal_quantile(.8) == close(.8416212335729143));
  CHECK(student_above(2, 5) == close(.05096973941492914));
  CHECK(student_above(2, 7.03) == close(.04272251908114378));
  CHECK(1 - student_above(1.959, 10) == close(.9607167344064518));
  CHECK(incomplete_beta(2.5, 4, .3) == close(.3521975859067672));
}

TEST_CASE("Intervals of shares agree with statsmodels") {
  CHECK(wilson(45, 100).low == close(.35614537979511973));
  CHECK(wilson(45, 100).high == close(.5475539700255787));
  CHECK(wilson(0, 10).low == 0);
  CHECK(wilson(0, 10).high == close(.27753279986288926));
  CHECK(wilson(10, 10).low == close(.7224672001371106));
  CHECK(wilson(10, 10).high == 1);
  CHECK(newcombe(60, 100, 45, 100).low == close(.011723935319973455));
  CHECK(newcombe(60, 100, 45, 100).high == close(.2804485210107638));
  CHECK_THROWS_AS(wilson(3, 2), Error);
  CHECK_THROWS_AS(wilson(1, 2, 1), Error);
}

TEST_CASE("Tests agree with SciPy and statsmodels") {
  const std::vector a = {30.02, 29.99, 30.11, 29.97, 30.01, 29.99}, b = {29.89, 29.93, 29.72, 29.98, 30.02, 29.98};
  CHECK(welch_t(a, b).statistic == close(1.9590058081081434));
  CHECK(welch_t(a, b).degrees_of_freedom.value() == close(7.030559959884322));
  CHECK(welch_t(a, b).p_value == close(.09077332428566114));
  CHECK(paired_t(a, b).statistic == close(1.5099668870541376));
  CHECK(paired_t(a, b).p_value == close(.191436884336601));
  CHECK(two_proportions(45, 100, 60, 100).statistic == close(-2.1239769762143657));
  CHECK(two_proportions(45, 100, 60, 100).p_value == close(.033672068856345855));
  CHECK(two_proportions(5, 83, 12, 99).p_value == close(.15918129181156992));
  CHECK(mcnemar(121, 59).p_value == close(4.4344492637551645e-06));
  CHECK(mcnemar(3, 3).p_value == 1);
  const std::vector<double> d = {1, 1, 0, -1, 1, 1, 0, 1, -1, 1};
  CHECK(sign_flip(d).p_value == .2890625);
  const std::vector<double> x = {1, 2, 2, 3, 4, 4, 4, 5}, y = {2, 3, 3, 4, 5, 5, 6, 7};
  CHECK(mann_whitney(x, y).statistic == 18.5);
  CHECK(mann_whitney(x, y).p_value == close(.165164712942254));
  CHECK(mann_whitney(std::vector<double>{19, 22, 16, 29, 24}, std::vector<double>{20, 11, 17, 12}).p_value ==
        close(.11134688653314041));
  const std::vector<double> same = {2, 2, 2}, other = {3, 3, 3};
  CHECK(welch_t(same, same).p_value == 1);
  CHECK(welch_t(same, other).p_value == 0);
}

TEST_CASE("A sign-flip test of many differences is drawn, and near the exact one") {
  std::vector<double> d;
  for (int i = 0; i < 60; ++i) d.push_back(i % 3 == 0 ? -1 : 1);  // 40 up, 20 down: exact p 0.0135
  const auto test = sign_flip(d);
  CHECK(test.p_value == doctest::Approx(mcnemar(20, 40).p_value).epsilon(0.15));
  CHECK(test.p_value == sign_flip(d).p_value);
}

TEST_CASE("Corrections for several tests agree with statsmodels") {
  const std::vector<double> p = {.01, .04, .03, .005, .2, .5};
  const std::vector<double> by_holm = {.05, .12, .12, .03, .4, .5}, by_share = {.03, .06, .06, .03, .24, .5};
  for (std::size_t i = 0; i < p.size(); ++i) {
    CHECK(holm(p)[i] == close(by_holm[i]));
    CHECK(benjamini_hochberg(p)[i] == close(by_share[i]));
  }
}

TEST_CASE("Percentiles interpolate as NumPy's do, and a bootstrap covers the mean as often as it says") {
  std::vector<double> ten;
  for (int i = 1; i <= 10; ++i) ten.push_back(i);
  CHECK(percentile(ten, .025) == close(1.225));
  CHECK(percentile(ten, .975) == close(9.775));
  const auto interval = bootstrap_mean(ten);
  CHECK(interval == bootstrap_mean(ten));
  CHECK(interval.low < 5.5);
  CHECK(interval.high > 5.5);
  CHECK(bootstrap_mean(ten, 0.5).low > interval.low);
  Random random(7);
  int covered = 0;
  for (int run = 0; run < 300; ++run) {
    std::vector<double> drawn(40);
    for (auto& value : drawn) value = random.uniform();
    const auto found = bootstrap_mean(drawn, 0.9, 400, static_cast<std::uint64_t>(run));
    covered += found.low <= 0.5 && 0.5 <= found.high ? 1 : 0;
  }
  CHECK(covered > 250);
  CHECK(covered < 290);
}

TEST_CASE("Forecasts are measured by Brier score, calibration error and area under the curve") {
  const std::vector<Forecast> forecasts = {{0.9, true}, {0.8, true}, {0.3, false}, {0.35, true}};
  CHECK(brier(forecasts) == close((0.01 + 0.04 + 0.09 + 0.4225) / 4));
  CHECK(calibration_error(forecasts) == close((0.1 + 0.2 + std::abs(0.65 - 1)) / 4));
  CHECK(area_under_curve(forecasts).value() == 1);
  CHECK(area_under_curve(std::vector<Forecast>{{0.5, true}, {0.5, false}}).value() == 0.5);
  CHECK_FALSE(area_under_curve(std::vector<Forecast>{{0.5, true}}).has_value());
}
