// What the library adds to the time to the first token while 2,000 streams are open: a model asked through the library,
// and bare libcurl on epoll, in turns against the same mock provider.

#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/providers/provider_lm.hpp"
#include "mock_provider/mock_provider.hpp"
#include "support/curl_streams.hpp"

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace dspy;
using bench::Clock;
using bench::StreamTimes;

// A stream lives as long as it takes to begin 2,000 of them; what comes after these is measured.
constexpr std::size_t open_at_once = 2'000;
constexpr std::size_t measured = 3'000;
constexpr std::chrono::milliseconds between_tokens{310};
constexpr std::chrono::microseconds between_starts{2'150};  // no divisor of the other: tokens do not come in volleys
constexpr std::size_t tokens = 11;

Async<void> ask(std::shared_ptr<LM> lm, Clock::time_point due, std::size_t number, std::size_t& open,
                StreamTimes& times) {
  co_await sleep(std::max(Clock::duration::zero(), due - Clock::now()));
  const bool is_measured = number >= open_at_once;
  if (is_measured) times.open.push_back(open);
  ++open;
  bool has_begun = false;
  const auto begun = Clock::now();
  co_await lm->stream({.messages = {Message(Role::user, "go")}}, [&](const StreamEvent& event) {
    if (has_begun || event.kind != StreamEvent::Kind::text) return;
    has_begun = true;
    if (is_measured) times.first.push_back(Clock::now() - begun);
  });
  --open;
}

StreamTimes through_the_library(const mock::MockProvider& provider) {
  const auto lm = openai_compatible({.model = "m", .base_url = provider.url("/v1")});
  StreamTimes times;
  std::size_t open = 0;
  std::vector<Async<void>> all;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < open_at_once + measured; ++i)
    all.push_back(ask(lm, begin + between_starts * static_cast<long>(i), i, open, times));
  wait(when_all(std::move(all)));
  return times;
}

StreamTimes through_bare_libcurl(const mock::MockProvider& provider) {
  bench::CurlStreams streams(
      provider.url("/v1/chat/completions"),
      R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"go"}]})",
      "xxxx");
  return streams.run({.skipped = open_at_once, .measured = measured, .between_starts = between_starts});
}

/// Microseconds after the moment at which the provider was to send the first token.
double share(std::vector<Clock::duration>& first, std::size_t per_cent) {
  std::ranges::sort(first);
  const auto late = first[first.size() * per_cent / 100] - between_tokens;
  return std::chrono::duration<double, std::micro>(late).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void use_all_descriptors() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

void first_token(benchmark::State& state) {
  use_all_descriptors();
  const mock::MockProvider provider(
      {.wishes = {{"part-delay", std::to_string(between_tokens.count())}, {"reply", std::string(tokens * 12, 'x')}}});
  std::vector<double> bare50, bare99, ours50, ours99, added50, added99;
  std::size_t fewest_open = open_at_once * 2;
  for (auto _ : state) {
    for (const bool is_ours : {false, true}) {
      auto times = is_ours ? through_the_library(provider) : through_bare_libcurl(provider);
      if (times.first.size() != measured)
        return state.SkipWithError("streams were lost; is `ulimit -Hn` 5,000 or more?");
      fewest_open = std::min(fewest_open, *std::ranges::min_element(times.open));
      (is_ours ? ours50 : bare50).push_back(share(times.first, 50));
      (is_ours ? ours99 : bare99).push_back(share(times.first, 99));
    }
    added50.push_back(ours50.back() - bare50.back());
    added99.push_back(ours99.back() - bare99.back());
  }
  state.counters["open"] = static_cast<double>(fewest_open);
  state.counters["bare_p50_us"] = median(bare50);
  state.counters["bare_p99_us"] = median(bare99);
  state.counters["ours_p50_us"] = median(ours50);
  state.counters["ours_p99_us"] = median(ours99);
  state.counters["added_p50_us"] = median(added50);
  state.counters["added_p99_us"] = median(added99);
}
BENCHMARK(first_token)->Iterations(3)->UseRealTime()->Unit(benchmark::kSecond);

}  // namespace
