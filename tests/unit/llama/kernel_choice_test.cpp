#include "llama/kernels/choice.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace dspy::llama::kernels {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

Seconds all(double seconds) {
  Seconds same;
  same.fill(seconds);
  return same;
}

Layout layout_of(const Timing& timing, bool has_room = true) {
  const std::vector<double> weights{1};
  return choose({&timing, 1}, weights, has_room).layout;
}

TEST_CASE("a number of columns belongs to the next lower one that was timed") {
  CHECK(column_class(1) == 0);
  CHECK(column_class(3) == 1);
  CHECK(column_class(8) == 3);
  CHECK(column_class(31) == 3);
  CHECK(column_class(32) == 4);
  CHECK(column_class(100000) == column_classes - 1);
  CHECK(column_class(0) == 0);
}

TEST_CASE("weights stay as they lie where nothing is lost by it") {
  CHECK(layout_of({.own = all(1), .plain = all(3), .repacked = all(2)}) == Layout::plain);
  CHECK(layout_of({.own = all(1), .plain = all(3), .repacked = all(0.99)}) == Layout::plain);
  CHECK(layout_of({.own = all(1), .plain = all(3), .repacked = all(never)}) == Layout::plain);
  CHECK(layout_of({.own = all(3), .plain = all(1), .repacked = all(never)}) == Layout::plain);
}

TEST_CASE("where either way loses somewhere, weights lie in both, if there is room and it pays") {
  Timing timing{.own = all(1), .plain = all(3), .repacked = all(2)};
  timing.repacked[0] = 0.7;
  CHECK(layout_of(timing) == Layout::both);
  CHECK(layout_of(timing, /*has_room=*/false) == Layout::repacked);
  CHECK(layout_of({.own = all(1), .plain = all(1), .repacked = all(0.5)}) == Layout::repacked);
}

TEST_CASE("in no cell is what was chosen slower than the library by more than a fiftieth") {
  // Times of three types, drawn from a few values, in all combinations that a generator of small numbers gives.
  unsigned state = 1;
  const auto next = [&] {
    state = state * 1664525 + 1013904223;
    return 0.5 + (state >> 24) % 8 * 0.25;
  };
  for (int round = 0; round < 2000; ++round) {
    std::vector<Timing> timings(3);
    std::vector<double> weights;
    for (auto& timing : timings) {
      for (auto& one : timing.own) one = next();
      for (auto& one : timing.plain) one = next();
      timing.repacked = next() > 1 ? all(never) : all(next());
      weights.push_back(next());
    }
    const bool has_room = round % 2 == 0;
    const auto choice = choose(timings, weights, has_room);
    REQUIRE(choice.types.size() == 3);
    if (!has_room) CHECK(choice.layout != Layout::both);
    for (std::size_t column = 0; column < column_classes; ++column) {
      double ours = 0, theirs = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        const auto& timing = timings[i];
        const bool can_repack = std::isfinite(timing.repacked[column]);
        const double library = choice.layout != Layout::plain && can_repack ? timing.repacked[column]
                                                                            : timing.plain[column];
        ours += weights[i] * (choice.types[i].own[column] ? timing.own[column] : library);
        // What the library does when left alone: it repacks whatever it can.
        theirs += weights[i] * (can_repack ? timing.repacked[column] : timing.plain[column]);
        // Repacked weights are out of our kernels' reach unless the file's are there as well.
        if (choice.layout == Layout::repacked && can_repack) CHECK_FALSE(choice.types[i].own[column]);
      }
      CHECK(ours <= 1.0405 * theirs);  // a fiftieth for the layout, and one for each product
    }
  }
}

TEST_CASE("a kernel computes where it is the faster one") {
  Timing timing{.own = all(1), .plain = all(2), .repacked = all(never)};
  timing.plain[0] = 0.5;
  const std::vector<double> weights{1};
  const auto choice = choose({&timing, 1}, weights, true);
  CHECK(choice.layout == Layout::plain);
  CHECK_FALSE(choice.types[0].own[0]);
  CHECK(choice.types[0].own[1]);
}

TEST_CASE("timings are read back as they were written, for their machine, and other lines are left out") {
  Timing first{.name = "q4_k 896", .own = all(1.25e-5), .plain = all(0.1), .repacked = all(never)};
  Timing second{.name = "f16 64", .own = all(3), .plain = all(4), .repacked = all(5)};
  const auto text = write_timing(first, "a") + "spoilt line\n\n" + write_timing(second, "b") +
                    "a\tq4_k 1\t1\t2\n" + write_timing(second, "a") + "a\tcut off\t1\t2";
  const auto read = read_timings(text, "a");
  REQUIRE(read.size() == 2);
  CHECK(read[0] == first);
  CHECK(read[1] == second);
  CHECK(read_timings(text, "c").empty());
  CHECK(read_timings("", "").empty());
}

}  // namespace
}  // namespace dspy::llama::kernels
