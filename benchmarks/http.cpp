// What the library adds to a request over bare libcurl, both against the mock provider on this machine, and how fast
// streams are taken apart.

#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/ndjson.hpp"
#include "dspy/http/server_sent_events.hpp"
#include "dspy/providers/provider_lm.hpp"
#include "mock_provider/mock_provider.hpp"

#include <benchmark/benchmark.h>
#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace dspy;

constexpr std::string_view question =
    R"({"model":"m","messages":[{"role":"user","content":"What is the capital of France?"}]})";
constexpr std::string_view path = "/v1/chat/completions";

/// At the mock provider of this process, or at the one that DSPY_BENCH_PROVIDER names: `benchmarks/peers.py` asks that
/// one too.
std::string url_of(std::string_view where) {
  if (const auto* const given = std::getenv("DSPY_BENCH_PROVIDER")) return std::string(given).append(where);
  static const mock::MockProvider shared;
  return shared.url(where);
}

/// Runs `ask` and reports the median and the 99th percentile of its time, in microseconds.
template <class F>
void measure(benchmark::State& state, F ask) {
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) ask();
  for (auto _ : state) {
    const auto begun = std::chrono::steady_clock::now();
    ask();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
  }
  std::ranges::sort(times);
  state.counters["p50_us"] = times[times.size() / 2];
  state.counters["p99_us"] = times[times.size() * 99 / 100];
}

std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(bytes, size * count);
  return size * count;
}

/// One handle and one connection, and nothing but the request.
void bare_libcurl(benchmark::State& state) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
  std::string body;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url_of(path).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, question.data());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(question.size()));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  measure(state, [&] {
    body.clear();
    if (curl_easy_perform(curl.get()) != CURLE_OK || !body.contains("capital")) state.SkipWithError("no reply");
  });
}
BENCHMARK(bare_libcurl)->UseRealTime();

void transport(benchmark::State& state) {
  const auto shared = http::default_transport();
  measure(state, [&] {
    const auto response = wait(http::send(
        shared,
        {.url = url_of(path), .headers = {{"Content-Type", "application/json"}}, .body = std::string(question)}));
    if (response.status != 200 || !response.body.contains("capital")) state.SkipWithError("no reply");
  });
}
BENCHMARK(transport)->UseRealTime();

/// The same question as a request to a model.
void provider_lm(benchmark::State& state) {
  const auto lm = openai_compatible({.model = "m", .base_url = url_of("/v1")});
  const Request request{.messages = {Message(Role::user, "What is the capital of France?")}};
  measure(state, [&] {
    if (!wait(lm->complete(request)).text().contains("capital")) state.SkipWithError("no reply");
  });
}
BENCHMARK(provider_lm)->UseRealTime();

/// And over a WebSocket that stays open.
void provider_lm_over_web_socket(benchmark::State& state) {
  const auto lm = openai({.model = "m", .api = Api::responses, .base_url = url_of("/v1"), .web_socket = true});
  const Request request{.messages = {Message(Role::user, "What is the capital of France?")}};
  measure(state, [&] {
    if (!wait(lm->complete(request)).text().contains("capital")) state.SkipWithError("no reply");
  });
}
BENCHMARK(provider_lm_over_web_socket)->UseRealTime();

std::string stream_of(std::size_t bytes) {
  std::string out;
  for (int i = 0; out.size() < bytes; ++i) {
    out += std::format(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"m\","
        "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{}\"}},\"finish_reason\":null}}]}}\n\n",
        i % 10);
  }
  return out;
}

/// In pieces as they come from a socket.
template <class Reader>
void read_stream(benchmark::State& state, const std::string& stream) {
  constexpr std::size_t piece = 16 * 1024;
  std::size_t events = 0;
  for (auto _ : state) {
    Reader reader;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(stream.substr(at, piece));
      while (const auto event = reader.next()) ++events;
    }
  }
  benchmark::DoNotOptimize(events);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * stream.size()));
}

void server_sent_events(benchmark::State& state) {
  read_stream<http::ServerSentEvents>(state, stream_of(std::size_t{4} << 20));
}
BENCHMARK(server_sent_events);

void ndjson(benchmark::State& state) {
  read_stream<http::Ndjson>(state, stream_of(std::size_t{4} << 20));
}
BENCHMARK(ndjson);

}  // namespace
