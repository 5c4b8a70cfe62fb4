#include "support/kept_replies.hpp"

TEST_CASE("A process that writes the cache is killed 1,000 times, and nothing wrong is served") {
  dspy::test::kill_writers(1'000);
}
