#include "llama/engine/step_padding.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace dspy::llama {
namespace {

/// A machine on which a group of four tokens takes `four`, and each one that is left over `one`.
struct Machine {
  double four = 1;
  double one = 1;
  StepPadding steps{};
  double plain = 0, spent = 0;  ///< Without padding, and with.
  std::uint64_t noise = 1;

  double time(std::size_t tokens) const {
    const auto groups = tokens / 4;
    const auto rest = tokens % 4;
    return 10 + four * static_cast<double>(groups) + one * static_cast<double>(rest);
  }

  std::size_t step(std::size_t tokens, bool noisy = false) {
    const auto more = steps.padding(tokens);
    auto taken = time(tokens + more);
    noise = noise * 6364136223846793005U + 1442695040888963407U;
    if (noisy && (noise >> 60) == 0) taken *= 5;  // another program had the processor
    steps.observe(tokens, more, StepPadding::Duration(taken));
    plain += time(tokens);
    spent += time(tokens + more);
    return more;
  }
};

TEST_CASE("steps are filled up to whole groups where that takes less time") {
  Machine machine{.four = 1, .one = 1};
  for (int i = 0; i < 20; ++i) machine.step(7);
  CHECK(machine.step(7) == 1);
  CHECK(machine.step(15) == 1);  // the same is left over
  CHECK(machine.step(8) == 0);
  for (int i = 0; i < 20; ++i) machine.step(5);
  CHECK(machine.step(5) == 0);  // one alone takes as long as four
}

TEST_CASE("steps are left alone where each token takes its time") {
  Machine machine{.four = 4, .one = 1};
  for (const std::size_t tokens : {1U, 2U, 3U, 7U, 14U}) {
    for (int i = 0; i < 20; ++i) machine.step(tokens);
    CHECK(machine.step(tokens) == 0);
  }
  CHECK(machine.spent / machine.plain < 1.05);
}

TEST_CASE("sizes that never come twice in a row are left alone") {
  Machine machine{.four = 1, .one = 1};
  for (std::size_t i = 0; i < 100; ++i) CHECK(machine.step(i % 2 == 0 ? 3 : 7) == 0);
}

TEST_CASE("what other programs do to the time of single steps does not decide") {
  for (const double one : {0.2, 2.0}) {
    CAPTURE(one);
    Machine machine{.four = 1, .one = one};
    int filled = 0;
    for (int i = 0; i < 5000; ++i) filled += machine.step(7, true) > 0 ? 1 : 0;
    if (one > 1)
      CHECK(filled > 4000);
    else
      CHECK(filled < 1000);
  }
}

TEST_CASE("what was found out is looked at again") {
  Machine machine{.four = 1, .one = 1};
  for (int i = 0; i < 100; ++i) machine.step(7);
  CHECK(machine.step(7) == 1);
  machine.four = 4;
  for (int i = 0; i < 2000; ++i) machine.step(7);
  CHECK(machine.step(7) == 0);
}

}  // namespace
}  // namespace dspy::llama
