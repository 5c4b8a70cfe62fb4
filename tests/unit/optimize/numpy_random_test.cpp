#include "dspy/optimize/kernel/numpy_random.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

using dspy::optimize::NumpyRandom;

namespace {

struct Draws {
  std::uint64_t seed;
  std::vector<double> first;
  std::vector<std::size_t> counts;
  double last;
};

}  // namespace

TEST_CASE("NumpyRandom draws what numpy 2's default_rng draws") {
  const std::vector<Draws> all = {
      {0, {0.6369616873214543, 0.2697867137638703, 0.04097352393619469}, {0, 2, 3, 0, 1, 0, 1, 4}, 0.12428327649956394},
      {1, {0.5118216247002567, 0.9504636963259353, 0.14415961271963373}, {1, 0, 1, 1, 1, 0, 2, 2}, 0.20345524067614962},
      {5, {0.8050029237453802, 0.8079407897364937, 0.515325561042142}, {0, 0, 1, 0, 0, 0, 2, 6}, 0.06080271295805606},
      {(std::uint64_t{1} << 40) + 7,
       {0.829812891829413, 0.25530515834910417, 0.15379071585298754},
       {0, 1, 0, 0, 0, 0, 2, 1},
       0.08324295943132609}};
  const std::vector<double> means = {0.25, 0.5, 1, 2, 0.75, 0, 1.5, 3};
  for (const auto& expected : all) {
    CAPTURE(expected.seed);
    NumpyRandom random(expected.seed);
    for (const auto each : expected.first) CHECK(random.uniform() == each);
    for (std::size_t i = 0; i < means.size(); ++i) CHECK(random.poisson(means[i]) == expected.counts[i]);
    CHECK(random.uniform() == expected.last);
  }
}
