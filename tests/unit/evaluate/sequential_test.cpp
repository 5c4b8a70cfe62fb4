#include "dspy/evaluate/sequential.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <string>

using namespace dspy;
using doctest::Approx;

TEST_CASE("bucket hashes as GrowthBook's version 2 does") {
  struct Case {
    std::string seed, unit;
    double expected;
  };
  const std::vector<Case> cases = {{"seed", "a", .0505},
                                   {"seed", "b", .2696},
                                   {"foo", "ab", .2575},
                                   {"foo", "def", .2019},
                                   {"89123klj", "8952klfjas09ujkasdf", .124},
                                   {"90850943850283058242805", "123", .7516}};
  for (const auto& each : cases) {
    CAPTURE(each.unit);
    CHECK(statistics::bucket(each.seed, each.unit) == Approx(each.expected).epsilon(1e-12));
  }
}

TEST_CASE("Arms get their shares, and a moved weight moves only those at the edge") {
  const std::array<double, 3> weights = {0.5, 0, 0.5};
  const std::array<double, 3> moved = {0.6, 0, 0.4};
  std::array<std::uint64_t, 3> counts = {};
  std::size_t changed = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto unit = "user-" + std::to_string(i);
    const auto arm = statistics::assigned_arm("experiment", unit, weights);
    ++counts.at(arm);
    changed += statistics::assigned_arm("experiment", unit, moved) != arm ? 1 : 0;
  }
  CHECK(counts[1] == 0);
  CHECK(statistics::sample_ratio(counts, weights).p_value > 0.001);
  CHECK(changed > 800);
  CHECK(changed < 1200);
  CHECK_THROWS_AS(statistics::assigned_arm("e", "u", {}), Error);
  CHECK_THROWS_AS(statistics::assigned_arm("e", "u", std::array<double, 2>{0, 0}), Error);
}

TEST_CASE("sample_ratio finds an assignment that went wrong") {
  const std::array<double, 2> even = {1, 1};
  const auto wrong = statistics::sample_ratio(std::array<std::uint64_t, 2>{5200, 4800}, even);
  CHECK(wrong.statistic == Approx(16));
  CHECK(wrong.p_value == Approx(6.334248366623988e-05).epsilon(1e-10));
  const auto fine = statistics::sample_ratio(std::array<std::uint64_t, 2>{5050, 4950}, even);
  CHECK(fine.p_value == Approx(.31731050786291115).epsilon(1e-12));
  CHECK(statistics::sample_ratio(std::array<std::uint64_t, 2>{10, 1}, std::array<double, 2>{1, 0}).p_value == 0);
  CHECK(statistics::chi_square_above(3.84, 1) == Approx(.05004352124870519).epsilon(1e-12));
  CHECK(statistics::chi_square_above(20.67222222222222, 1) == Approx(5.450094825427117e-06).epsilon(1e-10));
}

TEST_CASE("SequentialTest has the ratios and widths of the reference") {
  struct Case {
    std::size_t n;
    double d, v, tau, ratio, width;
  };
  const std::vector<Case> cases = {{100, .3, 2, 1, 1.2712104242, .4499279050},
                                   {100, .3, 2, .01, 1.7285232754, .6195286752},
                                   {1000, .05, .3724, .0004, 3.9491735431, .0695204979},
                                   {500, .15, .4875, .01, 10970.177212, .0948777964}};
  for (const auto& each : cases) {
    CAPTURE(each.n);
    statistics::SequentialTest test(each.v, each.tau);
    CHECK(std::exp(test.log_ratio(each.n, each.d)) == Approx(each.ratio).epsilon(1e-9));
    CHECK(test.half_width(each.n) == Approx(each.width).epsilon(1e-9));
    CHECK(test.p_value(each.n, each.d) == Approx(std::min(1.0, 1 / each.ratio)).epsilon(1e-9));
    CHECK(test.p_value(each.n + 1, 0) == Approx(std::min(1.0, 1 / each.ratio)).epsilon(1e-9));
  }
  CHECK_THROWS_AS(statistics::SequentialTest(0, 1), Error);
}

TEST_CASE("Looking after each pair raises no more false alarms than the level") {
  int alarms = 0;
  constexpr int runs = 400;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    Random random(seed);
    statistics::SequentialTest test(1, 0.1);
    double sum = 0;
    for (std::size_t n = 1; n <= 500; ++n) {
      const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
      sum += radius * std::cos(2 * std::numbers::pi * random.uniform());
      if (test.p_value(n, sum / static_cast<double>(n)) < 0.05) {
        ++alarms;
        break;
      }
    }
  }
  CHECK(alarms < runs * 0.055);
}
