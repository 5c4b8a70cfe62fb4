// What is done for a request to a provider besides the network, and what many requests at once take.  The network is a
// canned reply, or the mock provider on this machine.

#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/middleware/concurrency.hpp"
#include "dspy/lm/middleware/resilient.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/providers/provider_lm.hpp"
#include "mock_provider/mock_provider.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace dspy;

/// Answers each request with the same bytes, in pieces as a socket gives them.
class Canned final : public http::Transport {
 public:
  Canned(std::string body, std::string type) : body_(std::move(body)), type_(std::move(type)) {}

  Async<http::Streamed> open(http::Request /*request*/) override { return answer(body_, type_); }

 private:
  class Pieces final : public http::Body {
   public:
    explicit Pieces(const std::string& body) : left_(body) {}
    Async<std::optional<std::string>> next() override {
      const auto piece = left_.substr(0, std::size_t{16} * 1024);
      left_.remove_prefix(piece.size());
      return give(std::string(piece));
    }

   private:
    static Async<std::optional<std::string>> give(std::string piece) {
      if (piece.empty()) co_return std::nullopt;
      co_return piece;
    }
    std::string_view left_;
  };

  static Async<http::Streamed> answer(const std::string& body, std::string type) {
    http::Streamed out{.status = 200, .headers = {{"Content-Type", std::move(type)}}};
    out.body = std::make_unique<Pieces>(body);
    co_return out;
  }

  std::string body_;
  std::string type_;
};

std::shared_ptr<LM> canned(std::string body, std::string type) {
  return openai_compatible({.model = "m",
                            .base_url = "http://127.0.0.1:9/v1",
                            .transport = std::make_shared<Canned>(std::move(body), std::move(type))});
}

/// Two thousand bytes, the last of which are new each time.
Request question(std::uint64_t number) {
  static const auto shared = std::make_shared<const std::vector<Message>>(
      std::vector<Message>{Message(Role::system, std::string(1'800, 'i'))});
  Request request{.messages = Chat(shared)};
  request.messages.push_back(Message(Role::user, std::format("{:0200}", number)));
  return request;
}

/// Routing, limits, the cache's key, the body that would be sent, and the reply read.
void core_without_socket(benchmark::State& state) {
  constexpr std::string_view reply =
      R"({"id":"r","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Answer: Rome"},)"
      R"("finish_reason":"stop"}],"usage":{"prompt_tokens":500,"completion_tokens":3}})";
  const auto lm = resilient({.primary = canned(std::string(reply), "application/json"),
                             .fallbacks = {canned(std::string(reply), "application/json")},
                             .limits = {.requests_per_minute = 1e9, .burst = 1'000'000},
                             .cache = {.enable_cache = true, .memory_bytes = std::size_t{1} << 20}});
  std::vector<double> times;
  std::uint64_t number = 0;
  for (auto _ : state) {
    const auto request = question(number++);
    const auto begun = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(wait(lm->complete(request)));
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
  }
  std::ranges::sort(times);
  state.counters["p50_us"] = times[times.size() / 2];
  state.counters["p99_us"] = times[times.size() * 99 / 100];
}
BENCHMARK(core_without_socket);

/// A stream of Chat Completions from bytes to a reply, each delta decoded and handed out.  `pads`: no two chunks in a
/// row are alike but for their text, as where a provider pads them.
void decode_stream(benchmark::State& state, bool pads) {
  std::string stream;
  for (int i = 0; stream.size() < std::size_t{4} << 20; ++i) {
    stream += std::format(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"m\","
        "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{}\"}},\"finish_reason\":null}}]{}}}\n\n",
        i % 10, pads ? std::format(",\"obfuscation\":\"{}\"", i % 97) : "");
  }
  stream +=
      "data: "
      "{\"id\":\"chatcmpl-1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
      "\n\ndata: [DONE]\n\n";
  const auto bytes = stream.size();
  const auto lm = canned(std::move(stream), "text/event-stream");
  std::size_t told = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        wait(lm->stream(question(0), [&](const StreamEvent& event) { told += event.text.size(); })));
  benchmark::DoNotOptimize(told);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes));
}

void stream_decoded(benchmark::State& state) {
  decode_stream(state, false);
}
BENCHMARK(stream_decoded);

void stream_decoded_padded(benchmark::State& state) {
  decode_stream(state, true);
}
BENCHMARK(stream_decoded_padded);

/// The ideal is 320 ms.
void calls_256_of_20_ms_16_at_once(benchmark::State& state) {
  const mock::MockProvider provider({.wishes = {{"delay", "20"}, {"reply", "Answer: Rome"}}});
  const auto lm = openai_compatible({.model = "m", .base_url = provider.url("/v1")});
  const auto worker = [](std::shared_ptr<LM> asked, int calls) -> Async<void> {
    for (int i = 0; i < calls; ++i) co_await asked->complete(question(0));
  };
  for (auto _ : state) {
    std::vector<Async<void>> workers;
    for (int i = 0; i < 16; ++i) workers.push_back(worker(lm, 16));
    wait(when_all(std::move(workers)));
  }
}
BENCHMARK(calls_256_of_20_ms_16_at_once)->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(3);

void thousand_equal_calls(benchmark::State& state) {
  const mock::MockProvider provider({.wishes = {{"delay", "20"}, {"reply", "Answer: Rome"}}});
  const auto model = openai_compatible({.model = "m", .base_url = provider.url("/v1")});
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    const auto lm = cached()(model);
    std::vector<Async<Reply>> calls;
    for (int i = 0; i < 1'000; ++i) calls.push_back(lm->complete(question(rounds)));
    ++rounds;
    wait(when_all(std::move(calls)));
  }
  state.counters["requests"] = static_cast<double>(provider.request_count()) / static_cast<double>(rounds);
}
BENCHMARK(thousand_equal_calls)->UseRealTime()->Unit(benchmark::kMillisecond);

/// From all threads, one cache.
void cached_calls(benchmark::State& state) {
  static const auto lm = cached()([] {
    auto scripted = std::make_shared<ScriptedLM>([](const Request&) { return std::string("Answer: Rome"); });
    scripted->remember(false);
    return scripted;
  }());
  const auto request = question(0);
  for (auto _ : state) benchmark::DoNotOptimize(wait(lm->complete(request)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(cached_calls)->UseRealTime()->Threads(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));

}  // namespace
