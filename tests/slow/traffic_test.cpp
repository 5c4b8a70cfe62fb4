#include "support/traffic.hpp"

#include <random>

TEST_CASE("A million calls of two unreliable models, from another seed each time") {
  const auto seed = std::random_device{}();
  MESSAGE("seed ", seed);

  const auto tally = dspy::test::simulate(seed, 1'000'000);

  CHECK(tally.replies > 500'000);
}
