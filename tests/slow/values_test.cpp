// What tests/unit/adapters/values_test.cpp asserts, of many more random types and values.

#include "support/written_values.hpp"
#include "unit/adapters/every.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("A value of any of 100,000 random signatures is read back from what an adapter writes for it") {
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    test::check_written_values(*each.make(), 1'000'000, 100'000);
  }
}
