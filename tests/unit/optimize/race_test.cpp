#include "dspy/optimize/kernel/race.hpp"

#include "dspy/base/error.hpp"
#include "dspy/optimize/kernel/python_random.hpp"
#include "optimize/kernel/rank_correlation.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <vector>

using namespace dspy;
using namespace dspy::optimize;

namespace {

/// How many examples it took until the candidate was lost; 0 if it never was.
std::size_t lost_after(const std::vector<double>& candidate, const std::vector<double>& incumbent, double alpha,
                       PythonRandom& random) {
  const auto order = random.sample(candidate.size(), candidate.size());
  Race race(candidate.size(), alpha);
  for (std::size_t i = 0; i < order.size(); ++i) {
    race.add(candidate[order[i]], incumbent[order[i]]);
    if (race.is_lost()) return i + 1;
  }
  return 0;
}

std::vector<double> scores(std::size_t count, std::size_t right, PythonRandom& random) {
  std::vector<double> out(count);
  for (const auto i : random.sample(count, right)) out[i] = 1;
  return out;
}

}  // namespace

TEST_CASE("An equal candidate is lost as rarely as alpha says, though it is looked at after every example") {
  PythonRandom random(1);
  std::size_t lost = 0;
  constexpr std::size_t rounds = 4000;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto right = 20 + random.below(60);
    if (lost_after(scores(100, right, random), scores(100, right, random), 0.05, random) > 0) ++lost;
  }
  CHECK(lost < rounds * 5 / 100);
}

TEST_CASE("A candidate that is much worse is lost early, one that is better never") {
  PythonRandom random(2);
  std::size_t examples = 0, better = 0;
  for (int i = 0; i < 100; ++i) {
    const auto after = lost_after(scores(200, 40, random), scores(200, 160, random), 0.05, random);
    CHECK(after > 0);
    examples += after;
    if (lost_after(scores(200, 160, random), scores(200, 40, random), 0.05, random) > 0) ++better;
  }
  MESSAGE("examples until a candidate of 20 % is lost to one of 80 %: ", examples / 100);
  CHECK(examples / 100 < 40);
  CHECK(better == 0);
}

TEST_CASE("One that cannot win with all that is left is lost for certain, and one that can still be as good is not") {
  Race race(10, 1e-12);
  for (int i = 0; i < 5; ++i) race.add(0, 1);
  CHECK_FALSE(race.is_lost());  // five more could make up for it
  race.add(0, 1);
  CHECK(race.is_lost());
}

TEST_CASE("A race refuses what it cannot judge") {
  CHECK_THROWS_AS(Race(0, 0.05), Error);
  CHECK_THROWS_AS(Race(10, 0), Error);
  CHECK_THROWS_AS(Race(10, 1), Error);
  Race race(1, 0.05);
  CHECK_THROWS_AS(race.add(1.5, 0), Error);
  race.add(1, 0);
  CHECK_THROWS_AS(race.add(1, 0), Error);
}

TEST_CASE("Rank correlation, with ties") {
  const std::vector<double> a = {1, 2, 3, 4}, b = {10, 30, 20, 40}, flat = {1, 1, 1, 1}, ties = {1, 1, 2, 3};
  CHECK(*rank_correlation(a, a) == doctest::Approx(1));
  CHECK(*rank_correlation(a, b) == doctest::Approx(0.8));
  CHECK(*rank_correlation(a, ties) == doctest::Approx(0.948683));
  CHECK_FALSE(rank_correlation(a, flat));
  CHECK_FALSE(rank_correlation({}, {}));
}
