// What values_test.cpp and candidates_test.cpp in tests/unit/adapters assert, of many more random types and values.

#include "support/candidates.hpp"
#include "support/written_values.hpp"
#include "unit/adapters/every.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("A value of any of 50,000 random signatures is read back from what an adapter writes for it") {
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    test::check_written_values(*each.make(), 1'000'000, 50'000);
  }
}

TEST_CASE("Of two values for a field none is taken in silence, in 1,000 random signatures") {
  for (const auto& each : test::every_adapter) {
    for (const auto& other : test::every_adapter) {
      CAPTURE(each.name);
      CAPTURE(other.name);
      test::check_candidates(*each.make(), *other.make(), 1'000'000, 1000);
    }
  }
}
