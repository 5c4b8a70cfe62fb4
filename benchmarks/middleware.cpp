// What the layers around an LM cost when nothing fails, on a scripted LM that answers at once: the same request without
// them, with each, and with all; and a reply from the cache, in memory, on disk and on a server.

#include "dspy/base/log.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/middleware/guarded.hpp"
#include "dspy/lm/middleware/resilient.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "dspy/storage/disk_cache.hpp"
#include "dspy/storage/remote_cache.hpp"
#include "lm/told_span.hpp"

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace {

std::shared_ptr<dspy::LM> parrot() {
  auto lm = std::make_shared<dspy::ScriptedLM>([](const dspy::Request&) { return std::string("Answer: Rome"); });
  lm->remember(false);
  return lm;
}

/// Two thousand bytes, of which programs share the first part.
dspy::Request question() {
  static const auto shared = std::make_shared<const std::vector<dspy::Message>>(
      std::vector<dspy::Message>{dspy::Message(dspy::Role::system, std::string(1'800, 'i'))});
  dspy::Request request{.messages = dspy::Chat(shared)};
  request.messages.push_back(dspy::Message(dspy::Role::user, std::string(200, 'q')));
  return request;
}

void run(benchmark::State& state, const std::shared_ptr<dspy::LM>& lm) {
  const auto request = question();
  for (auto _ : state) benchmark::DoNotOptimize(dspy::wait(lm->complete(request)));
}

void no_layer(benchmark::State& state) {
  run(state, parrot());
}
BENCHMARK(no_layer);

void retries(benchmark::State& state) {
  run(state, dspy::retrying()(parrot()));
}
BENCHMARK(retries);

void guards(benchmark::State& state) {
  run(state, dspy::guarded({.guards = {std::make_shared<dspy::RateLimit>(
                                           dspy::RateLimitOptions{.requests_per_minute = 1e9, .burst = 1'000'000}),
                                       std::make_shared<dspy::Breaker>()}})(parrot()));
}
BENCHMARK(guards);

void all_of_resilient(benchmark::State& state) {
  run(state, dspy::resilient({.primary = parrot(),
                              .fallbacks = {parrot()},
                              .limits = {.requests_per_minute = 1e9, .burst = 1'000'000},
                              .budget = {.requests = 1ULL << 60}}));
}
BENCHMARK(all_of_resilient);

/// What a call is charged for traces and logs to which nobody listens.
void nobody_listens(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(dspy::process_trace());
    benchmark::DoNotOptimize(dspy::log_enabled(dspy::LogLevel::debug));
    const dspy::ToldSpan span(nullptr, {});
    benchmark::DoNotOptimize(span.id());
  }
}
BENCHMARK(nobody_listens);

void hit_in_memory(benchmark::State& state) {
  run(state, dspy::cached()(parrot()));
}
BENCHMARK(hit_in_memory);

void key_of_the_store(benchmark::State& state) {
  const auto request = question();
  for (auto _ : state) benchmark::DoNotOptimize(dspy::cache_key(request, "model"));
}
BENCHMARK(key_of_the_store);

/// A store's hit as a call sees it; memory is too small for the entry.
void hit(benchmark::State& state, const std::shared_ptr<dspy::CacheStore>& store, dspy::ReplySource source) {
  const auto lm = dspy::cached({.store = store, .memory_bytes = 0})(parrot());
  const auto request = question();
  dspy::wait(lm->complete(request));
  store->flush();
  std::vector<double> times;
  for (auto _ : state) {
    const auto begun = std::chrono::steady_clock::now();
    const auto reply = dspy::wait(lm->complete(request));
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
    if (reply.handling->source != source) return state.SkipWithError("the reply is not from the store");
  }
  std::ranges::sort(times);
  state.counters["p50_us"] = times[times.size() / 2];
  state.counters["p99_us"] = times[times.size() * 99 / 100];
}

void hit_on_disk(benchmark::State& state) {
  const auto folder = std::filesystem::temp_directory_path() / "dspy-bench-cache";
  std::filesystem::remove_all(folder);
  hit(state, std::make_shared<dspy::DiskCache>(folder), dspy::ReplySource::disk);
  std::filesystem::remove_all(folder);
}
BENCHMARK(hit_on_disk)->UseRealTime();

/// DSPY_BENCH_REDIS names the server, such as `redis://127.0.0.1:6379`; `benchmarks/peers.py` starts one.
void hit_on_a_server(benchmark::State& state) {
  const auto* const url = std::getenv("DSPY_BENCH_REDIS");
  if (url == nullptr) return state.SkipWithMessage("DSPY_BENCH_REDIS names no server");
  const auto prefix = "dspy:bench:" + std::to_string(::getpid()) + ':';
  hit(state, std::make_shared<dspy::RemoteCache>(url, dspy::RemoteCacheOptions{.prefix = prefix}),
      dspy::ReplySource::remote);
}
BENCHMARK(hit_on_a_server)->UseRealTime();

}  // namespace
