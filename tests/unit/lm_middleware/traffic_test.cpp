#include "support/traffic.hpp"

using namespace dspy::test;

TEST_CASE("Through 100,000 calls of two unreliable models, each has one outcome and no limit is passed") {
  const auto tally = simulate(20261129, 100'000);

  CHECK(tally.replies > 50'000);
  CHECK(tally.hits > 1'000);
  CHECK(tally.errors > 100);
  CHECK(tally.refused_by_budget > 100);  // it was used up, and not passed
}

TEST_CASE("The same seed gives the same calls") {
  const auto one = simulate(7, 2'000), two = simulate(7, 2'000), other = simulate(8, 2'000);

  CHECK(one.replies == two.replies);
  CHECK(one.hits == two.hits);
  CHECK(one.errors == two.errors);
  CHECK((one.replies != other.replies || one.hits != other.hits));
}
