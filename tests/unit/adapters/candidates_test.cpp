// Replies that hold two values for a field are refused or flagged.

#include "support/candidates.hpp"

#include "every.hpp"
#include "support/thinning.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("Of two values for a field none is taken in silence") {
  for (const auto& each : test::every_adapter) {
    for (const auto& other : test::every_adapter) {
      CAPTURE(each.name);
      CAPTURE(other.name);
      test::check_candidates(*each.make(), *other.make(), 0, 200 / test::thinning);
    }
  }
}
