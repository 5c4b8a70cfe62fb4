#include "dspy/optimize/kernel/tpe.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace dspy;
using optimize::TpeSampler;

namespace {

/// What the traces were recorded with.
double worth(const TpeSampler::Point& point) {
  const auto third = point.size() > 2 ? 5 * point[2] : 0;
  return 5.0 * static_cast<double>((7 * point[0] + 3 * point[1] * point[1] + third) % 11);
}

/// The points chosen after a baseline of zeros that is worth 50.
std::vector<TpeSampler::Point> trace(std::vector<TpeSampler::Dimension> space, std::size_t trials) {
  TpeSampler sampler(space, 9);
  sampler.record(TpeSampler::Point(space.size(), 0), 50);
  std::vector<TpeSampler::Point> out;
  for (std::size_t i = 0; i < trials; ++i) {
    out.push_back(sampler.suggest());
    sampler.record(out.back(), worth(out.back()));
  }
  return out;
}

}  // namespace

TEST_CASE("TpeSampler chooses what Optuna's does, two dimensions") {
  const std::vector<TpeSampler::Point> expected = {{1, 3}, {2, 0}, {1, 5}, {2, 2}, {0, 5}, {2, 0}, {2, 5},
                                                   {1, 4}, {2, 5}, {0, 0}, {0, 5}, {0, 1}, {0, 4}, {0, 3},
                                                   {0, 2}, {1, 0}, {0, 5}, {0, 0}, {1, 2}, {2, 4}};
  CHECK(trace({{"0_predictor_instruction", 3}, {"0_predictor_demos", 6}}, 20) == expected);
}

TEST_CASE("TpeSampler chooses what Optuna's does, three dimensions and weights of old trials") {
  const std::vector<TpeSampler::Point> expected = {
      {1, 6, 4}, {2, 2, 2}, {0, 10, 4}, {3, 5, 4}, {2, 11, 1}, {1, 3, 0}, {3, 10, 0}, {3, 10, 3}, {5, 7, 0}, {0, 0, 2},
      {0, 0, 0}, {0, 9, 2}, {3, 0, 2},  {0, 0, 2}, {0, 8, 5},  {5, 0, 5}, {4, 4, 3},  {1, 8, 2},  {0, 1, 3}, {2, 5, 0},
      {0, 0, 2}, {0, 5, 1}, {4, 11, 2}, {0, 7, 2}, {2, 0, 3},  {4, 0, 0}, {0, 4, 0},  {0, 0, 3},  {0, 2, 0}, {1, 9, 4}};
  CHECK(trace({{"0_predictor_instruction", 6}, {"0_predictor_demos", 12}, {"1_predictor_instruction", 6}}, 30) ==
        expected);
}

TEST_CASE("TpeSampler finds the best of many points more often than blind draws do") {
  const std::vector<TpeSampler::Dimension> space = {{"a", 12}, {"b", 12}};
  const auto value = [](const TpeSampler::Point& point) {
    return -std::abs(static_cast<double>(point[0]) - 7) - std::abs(static_cast<double>(point[1]) - 3);
  };
  double informed = 0;
  double blind = 0;
  for (std::uint32_t seed = 0; seed < 30; ++seed) {
    TpeSampler learns(space, seed);
    TpeSampler forgets(space, seed);
    double best_learned = -100;
    double best_blind = -100;
    for (int i = 0; i < 40; ++i) {
      auto point = learns.suggest();
      best_learned = std::max(best_learned, value(point));
      learns.record(point, value(point));
      best_blind = std::max(best_blind, value(forgets.suggest()));  // told nothing, it goes on drawing blindly
    }
    informed += best_learned;
    blind += best_blind;
  }
  CHECK(informed > blind);
}

TEST_CASE("TpeSampler refuses what is outside its space") {
  CHECK_THROWS_WITH_AS(TpeSampler({{"demos", 0}}, 1), "the dimension `demos` of the search has nothing to choose from",
                       Error);
  TpeSampler sampler({{"a", 2}, {"b", 1}}, 1);
  CHECK_THROWS_AS(sampler.record({2, 0}, 1), Error);
  CHECK_THROWS_AS(sampler.record({1}, 1), Error);
  CHECK_THROWS_AS(sampler.record({1, 0}, std::numeric_limits<double>::quiet_NaN()), Error);
  CHECK(sampler.suggest().at(1) == 0);
}
