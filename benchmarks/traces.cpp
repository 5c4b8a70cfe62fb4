// The trace store: what a call pays for being traced, how many spans a second are kept, and how long lists and searches
// take over as many spans as DSPY_BENCH_SPANS says (300,000 unless it says; the figure of docs/performance.md is of a
// million).

#include "dspy/base/json.hpp"
#include "dspy/base/random.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace dspy;
using namespace dspy::server;

constexpr int spans_each = 4;

std::int64_t span_count() {
  const auto* const set = std::getenv("DSPY_BENCH_SPANS");
  return set != nullptr ? std::strtoll(set, nullptr, 10) : 300'000;
}

/// Words as frequent as Zipf's law says, so that some are everywhere and some nearly nowhere.
std::string words(Random& random, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const auto u = random.uniform();
    out += std::format("word{} ", static_cast<int>(20'000 * u * u * u * u));
  }
  return out;
}

TraceRecord record(Random& random, std::int64_t number) {
  constexpr std::int64_t second = 1'000'000'000;
  TraceRecord out{.origin = {.id = std::format("{:032x}", number),
                             .tenant = number % 10 == 0 ? "small" : "large",
                             .program = std::format("program{}", number % 20),
                             .version = std::format("{}", number % 3)},
                  .started_ns = 1'780'000'000 * second + number * second / 7};
  const JsonObject inputs{{"question", words(random, 20)}};
  const JsonObject outputs{{"answer", words(random, 8)}};
  for (int i = 0; i < spans_each; ++i) {
    const bool is_root = i + 1 == spans_each;
    JsonObject span{{"kind", is_root      ? "program"
                             : i % 2 == 0 ? "attempt"
                                          : "call"},
                    {"id", number * spans_each + i + 1},
                    {"parent", is_root ? 0 : (number + 1) * spans_each},
                    {"path", is_root ? "" : "answer.predict"},
                    {"started_at", "2026-06-01T00:00:00.000Z"},
                    {"seconds", random.uniform()}};
    if (i % 2 == 0 && !is_root) {
      span["lm"] = "openai/gpt-5.4-mini";
      span["reply"] = {{"usage", {{"requests", 1}, {"prompt_tokens", 100}, {"completion_tokens", 9}}}};
    } else {
      span["inputs"] = inputs;
      span["outputs"] = outputs;
      span["usage"] = {{"requests", 1},
                       {"prompt_tokens", 100},
                       {"completion_tokens", random.below(50)},
                       {"cost_nanodollars", random.below(5'000'000)}};
    }
    if (is_root && number % 50 == 0) span["error"] = {{"kind", "timeout"}, {"message", "the provider took too long"}};
    out.spans.push_back(std::move(span));
  }
  return out;
}

/// A store with all of it, made once.
class Filled {
 public:
  Filled()
      : folder_(std::filesystem::temp_directory_path() / std::format("dspy-bench-traces-{}", ::getpid())),
        store(std::make_unique<TraceStore>(folder_ / "traces.sqlite")) {
    Random random(7);
    const auto begun = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < span_count() / spans_each; ++i) {
      if (i % 5'000 == 0) store->flush(std::chrono::minutes(5));
      store->add(record(random, i));
    }
    store->flush(std::chrono::minutes(5));
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }
  ~Filled() {
    store.reset();
    std::error_code code;
    std::filesystem::remove_all(folder_, code);
  }
  Filled(const Filled&) = delete;
  Filled& operator=(const Filled&) = delete;

  double bytes() const { return static_cast<double>(std::filesystem::file_size(folder_ / "traces.sqlite")); }

 private:
  std::filesystem::path folder_;

 public:
  std::unique_ptr<TraceStore> store;
  double seconds = 0;
};

Filled& filled() {
  static Filled made;
  return made;
}

void search(benchmark::State& state, const TraceQuery& query) {
  auto& made = filled();
  std::size_t found = 0;
  for (auto _ : state) found = made.store->list(query).items.size();
  state.counters["found"] = static_cast<double>(found);
}

void keep(benchmark::State& state) {
  auto& made = filled();
  for (auto _ : state) benchmark::DoNotOptimize(made.store->dropped());
  state.counters["spans"] = static_cast<double>(span_count());
  state.counters["spans/s"] = static_cast<double>(span_count()) / made.seconds;
  state.counters["bytes/span"] = made.bytes() / static_cast<double>(span_count());
}

/// What a call pays: one program with one call, told to the store.
void tell(benchmark::State& state) {
  auto& made = filled();
  const JsonObject inputs{{"question", "What is the capital of France?"}};
  const Prediction prediction{.data = {{"answer", "Paris"}}};
  for (auto _ : state) {
    const auto sink = made.store->sink({.tenant = "told"});
    Span root{.kind = Span::Kind::program,
              .id = Trace::next_id(),
              .started_at = std::chrono::system_clock::now(),
              .inputs = &inputs};
    sink->begin(root);
    Span call{.id = Trace::next_id(),
              .parent = root.id,
              .started_at = root.started_at,
              .inputs = &inputs,
              .prediction = &prediction};
    sink->begin(call);
    sink->end(call);
    root.prediction = &prediction;
    sink->end(root);
  }
  made.store->flush(std::chrono::minutes(1));
  state.counters["dropped"] = static_cast<double>(made.store->dropped());
}

}  // namespace

BENCHMARK(keep)->Name("traces/keep")->Iterations(1);
BENCHMARK_CAPTURE(search, newest, TraceQuery{.tenant = "large"})->Name("traces/newest")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, rare, TraceQuery{.tenant = "large", .text = "word19998"})
    ->Name("traces/rare_word")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, common, TraceQuery{.tenant = "large", .text = "word0"})
    ->Name("traces/common_word")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, two, TraceQuery{.tenant = "large", .text = "word0 word15000"})
    ->Name("traces/two_words")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, tenth, TraceQuery{.tenant = "small", .text = "word1 word2"})
    ->Name("traces/small_tenant")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, phrase, TraceQuery{.tenant = "large", .text = "\"word0 word1\""})
    ->Name("traces/phrase")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, nothing, TraceQuery{.tenant = "large", .text = "nowhere"})
    ->Name("traces/no_match")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, failed,
                  TraceQuery{.tenant = "large", .filters = {{"status", "error"}, {"program", "program0"}}})
    ->Name("traces/filtered")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, costly, TraceQuery{.tenant = "large", .sort = "cost"})
    ->Name("traces/by_cost")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search, costly_word, TraceQuery{.tenant = "large", .text = "word0", .sort = "cost"})
    ->Name("traces/common_word_by_cost")
    ->Unit(benchmark::kMillisecond);
BENCHMARK(tell)->Name("traces/tell")->Unit(benchmark::kMicrosecond);
