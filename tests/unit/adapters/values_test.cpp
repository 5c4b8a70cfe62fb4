// Random values of random types, as every adapter writes them: each is read back, so no two are written alike.

#include "every.hpp"
#include "support/written_values.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("A value of any type is read back from what an adapter writes for it") {
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    test::check_written_values(*each.make(), 0, 400);
  }
}
