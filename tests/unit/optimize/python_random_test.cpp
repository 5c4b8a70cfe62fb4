#include "dspy/optimize/kernel/python_random.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using dspy::optimize::PythonRandom;

TEST_CASE("PythonRandom draws what Python's random.Random(0) draws") {
  PythonRandom random(0);
  CHECK(random.sample(10, 4) == std::vector<std::size_t>{6, 9, 0, 2});
  std::vector<int> eight = {0, 1, 2, 3, 4, 5, 6, 7};
  random.shuffle(eight);
  CHECK(eight == std::vector<int>{1, 0, 4, 5, 6, 2, 3, 7});
  CHECK(random.integer(1, 4) == 2);
  CHECK(random.below(6) == 2);
  CHECK(random.uniform() == 0.1397457849666789);
}

TEST_CASE("PythonRandom takes seeds of more than 32 bits") {
  // random.Random(2**40 + 7): random(), _randbelow(2**40 - 1), sample(range(1000), 3)
  PythonRandom random((std::uint64_t{1} << 40) + 7);
  CHECK(random.uniform() == 0.6137037779936511);
  CHECK(random.below((std::uint64_t{1} << 40) - 1) == 1034292189877);
  CHECK(random.sample(1000, 3) == std::vector<std::size_t>{967, 654, 584});
}
