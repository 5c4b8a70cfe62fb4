// What must not happen to a program that is watched.  docs/traps.md lists all traps.

#include "dspy/base/error.hpp"
#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/lm/tracing/otlp.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

using namespace dspy;
using namespace std::chrono_literals;

TEST_CASE("Trap 36: a collector that never answers does not hold the exit up") {
  const auto lets_go = std::make_shared<std::atomic<bool>>(false);
  const auto begun = std::chrono::steady_clock::now();
  {
    OtlpOptions options{.max_queue = 8, .max_batch = 4, .exit_wait = 100ms};
    options.send = [lets_go](std::string_view) {
      while (!*lets_go) std::this_thread::sleep_for(1ms);
      return OtlpSent::again;
    };
    OtlpTrace trace(options);
    for (std::uint64_t id = 1; id <= 1'000; ++id) trace.end({.kind = Span::Kind::call, .id = id});
    CHECK(std::chrono::steady_clock::now() - begun < 2s);  // nor any call
    CHECK(trace.dropped() > 900);
  }
  CHECK(std::chrono::steady_clock::now() - begun < 4s);
  *lets_go = true;
}

TEST_CASE("Trap 37: names of models that come from outside do not fill the metrics") {
  const auto metrics = std::make_shared<Metrics>(50);
  MetricsTrace trace(metrics);
  for (int i = 0; i < 5'000; ++i) {
    const auto name = "tenant-" + std::to_string(i);
    const Error error(Errc::model_not_found, "no such model");
    const Span span{.kind = Span::Kind::attempt, .id = 1, .lm = name, .error = &error};
    trace.begin(span);
    trace.end(span);
  }
  const auto text = metrics->text();
  CHECK(std::ranges::count(text, '\n') < 4'000);  // a histogram has 18 lines a model
  CHECK(text.contains("model=\"other\""));
  CHECK(text.size() < 400'000);
  CHECK(text.contains("dspy_lm_requests_total{model=\"other\",outcome=\"other\"} 4950"));
}
