#pragma once

#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "retrieve/embedded/engine.hpp"
#include "support/child.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <format>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::test {

/// Writes, removes, flushes and compacts until it is killed.  Through the engine: a forked process has none of the
/// threads that coroutines compute on.
inline void write_for_ever(const std::filesystem::path& path) {
  EmbeddedOptions options;
  options.flush_from = 8;
  options.graph_from = 40;
  embedded::Engine engine(path, options);
  Random random(engine.count({}) + static_cast<std::size_t>(::getpid()));
  for (int round = 0;; ++round) {
    std::vector<Passage> passages;
    for (int i = 0; i < 4; ++i)
      passages.push_back({.id = std::format("k{}", random.below(200)),
                          .text = "quick river",
                          .vector = random_vector(random, 8),
                          .metadata = {{"round", round}}});
    std::ranges::sort(passages, {}, &Passage::id);
    const auto same = std::ranges::unique(passages, {}, &Passage::id);
    passages.erase(same.begin(), same.end());
    engine.upsert(std::move(passages));
    engine.remove({std::format("k{}", random.below(200))});
    if (round % 5 == 4) engine.compact({});
  }
}

/// Kills a writer so many times, each after another while of at most so many milliseconds: what is left must be whole.
inline void index_survives_kills(const std::filesystem::path& path, int times, int most_milliseconds) {
  {
    const embedded::Engine engine(path, {});
  }
  Random random(20'261'129);
  std::size_t last = 0, most = 0;
  for (int time = 0; time < times; ++time) {
    CAPTURE(time);
    {
      Child child([&] { write_for_ever(path); });
      std::this_thread::sleep_for(std::chrono::microseconds(random.below(1'000) * most_milliseconds));
      REQUIRE(child.kill());
    }
    embedded::Engine engine(path, {});
    const auto check = engine.check();
    for (const auto& problem : check.problems) FAIL_CHECK(problem);
    last = check.passages;
    most = std::max(most, last);
  }
  CAPTURE(most);
  if (times >= 100) CHECK(most > 50);  // the writer did get to write
  embedded::Engine engine(path, {});
  engine.upsert(sample_passages(5, 8));  // takes away what was left behind
  CHECK(engine.count({}) == last + 5);
  std::size_t segments = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    CHECK_FALSE(entry.path().extension() == ".part");
    segments += entry.path().extension() == ".vec" ? 1 : 0;
  }
  CHECK(segments <= 12);
}

}  // namespace dspy::test
