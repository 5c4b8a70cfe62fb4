// A gateway's own time: the same request to a provider, straight and through gateways that stand before it.  They run
// already; `benchmarks/gateway.py` starts them, and says where they are in DSPY_BENCH_GATEWAYS (`NAME=PORT,…`, the
// provider first).

#include "support/http_client.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace dspy;
using bench::Client;
using Clock = std::chrono::steady_clock;

struct Gateway {
  std::string name;
  std::uint16_t port = 0;
};

std::vector<Gateway> gateways() {
  const auto* const given = std::getenv("DSPY_BENCH_GATEWAYS");
  std::string_view rest = given != nullptr ? given : "";
  std::vector<Gateway> out;
  while (!rest.empty()) {
    const auto one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const auto equals = one.find('=');
    if (equals == std::string_view::npos) continue;
    const auto port = std::strtoul(std::string(one.substr(equals + 1)).c_str(), nullptr, 10);
    out.push_back({.name = std::string(one.substr(0, equals)), .port = static_cast<std::uint16_t>(port)});
  }
  return out;
}

std::string request() {
  const std::string body = R"({"model":"mock","messages":[{"role":"user","content":"The page stays white."}]})";
  return std::format(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: "
      "Bearer "
      "sk-bench\r\n"
      "Content-Length: {}\r\n\r\n{}",
      body.size(), body);
}

/// So many requests a second over ten connections, each counted from when it was due.
void paced(benchmark::State& state, const Gateway& gateway) {
  constexpr std::size_t clients = 10;
  const auto rate = static_cast<double>(state.range(0));
  const auto per_client = static_cast<int>(rate * 4 / clients);
  const auto gap = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(static_cast<double>(clients) / rate));
  std::vector<std::vector<double>> times(clients);
  const auto text = request();
  for (auto _ : state) {
    const auto begin = Clock::now() + std::chrono::milliseconds(100);
    std::vector<std::jthread> threads;
    for (std::size_t c = 0; c < clients; ++c)
      threads.emplace_back([&, c] {
        Client client(gateway.port);
        client.ask(text);
        for (int i = 0; i < per_client; ++i) {
          const auto due = begin + gap * i + gap * static_cast<int>(c) / static_cast<int>(clients);
          std::this_thread::sleep_until(due);
          client.ask(text);
          times[c].push_back(std::chrono::duration<double, std::micro>(Clock::now() - due).count());
        }
      });
  }
  std::vector<double> all;
  for (const auto& each : times) all.insert(all.end(), each.begin(), each.end());
  std::ranges::sort(all);
  state.counters["p50_us"] = all[all.size() / 2];
  state.counters["p99_us"] = all[all.size() * 99 / 100];
}

void as_fast_as_it_goes(benchmark::State& state, const Gateway& gateway) {
  constexpr int clients = 16;
  std::atomic<std::uint64_t> done = 0;
  double seconds = 0;
  const auto text = request();
  for (auto _ : state) {
    const auto begun = Clock::now();
    const auto end = begun + std::chrono::seconds(4);
    std::vector<std::jthread> threads;
    for (int c = 0; c < clients; ++c)
      threads.emplace_back([&] {
        Client client(gateway.port);
        std::uint64_t mine = 0;
        for (; Clock::now() < end; ++mine) client.ask(text);
        done += mine;
      });
    threads.clear();
    seconds += std::chrono::duration<double>(Clock::now() - begun).count();
  }
  state.counters["requests_per_second"] = static_cast<double>(done.load()) / seconds;
}

const bool is_registered = [] {
  for (const auto& each : gateways()) {
    benchmark::RegisterBenchmark("paced/" + each.name, [each](benchmark::State& state) { paced(state, each); })
        ->Arg(50)
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark("rate/" + each.name,
                                 [each](benchmark::State& state) { as_fast_as_it_goes(state, each); })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  return true;
}();

}  // namespace
