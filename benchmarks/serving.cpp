// What the server adds to a call of a scripted program, with the clients in the same process: at 2,000 requests a
// second (open loop: times count from when a request was due), and as fast as it goes.

#include "dspy/base/wait.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/middleware/stack.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/signature/signature.hpp"
#include "support/http_client.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace dspy;
using bench::Client;
using Clock = std::chrono::steady_clock;

Program scripted() {
  const auto lm = std::make_shared<ScriptedLM>([](const Request&) { return std::string("Category: bug"); });
  lm->remember(false);
  return Program(Predictor(Signature::parse("ticket -> category: Literal['billing', 'bug']"), {.lm = lm}));
}

Program cached() {
  const auto lm = std::make_shared<ScriptedLM>([](const Request&) { return std::string("Category: bug"); });
  lm->remember(false);
  return Program(Predictor(Signature::parse("ticket -> category: Literal['billing', 'bug']"),
                           {.lm = stack(lm, {dspy::cached()})}));
}

struct Served {
  std::shared_ptr<server::Catalog> catalog = std::make_shared<server::Catalog>();
  std::shared_ptr<server::Routes> routes = std::make_shared<server::Routes>();
  std::unique_ptr<server::Listener> listener;
  std::string request;

  explicit Served(Program program) {
    const auto signature = Signature::parse("ticket -> category: Literal['billing', 'bug']");
    catalog->put(server::ServedProgram{.name = "triage",
                                       .version = "1",
                                       .source = {},
                                       .program = std::move(program),
                                       .signature = signature,
                                       .loaded_at = {}});
    routes->add(server::program_routes(catalog));
    listener = std::make_unique<server::Listener>(routes, server::ListenerOptions{});
    const std::string body = R"({"inputs":{"ticket":"The page stays white."}})";
    request =
        std::format("POST /v1/programs/triage HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  }
};

void report(benchmark::State& state, std::vector<double> times) {
  std::ranges::sort(times);
  state.counters["p50_us"] = times[times.size() / 2];
  state.counters["p99_us"] = times[times.size() * 99 / 100];
}

/// The call alone, as a program in the same process makes it.
void direct(benchmark::State& state) {
  const auto program = scripted();
  std::vector<double> times;
  for (auto _ : state) {
    const auto begun = Clock::now();
    benchmark::DoNotOptimize(program({{"ticket", "The page stays white."}}));
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
  }
  report(state, std::move(times));
}
BENCHMARK(direct);

/// 2,000 requests a second over 20 connections, for three seconds.
void paced(benchmark::State& state) {
  const Served served(scripted());
  constexpr int clients = 20, per_client = 300;
  constexpr auto gap = std::chrono::microseconds(10'000);
  std::vector<std::vector<double>> times(clients);
  for (auto _ : state) {
    const auto begin = Clock::now() + std::chrono::milliseconds(50);
    std::vector<std::jthread> threads;
    for (int c = 0; c < clients; ++c)
      threads.emplace_back([&, c] {
        Client client(served.listener->port());
        client.ask(served.request);
        for (int i = 0; i < per_client; ++i) {
          const auto due = begin + gap * i + gap * c / clients;
          std::this_thread::sleep_until(due);
          client.ask(served.request);
          times[static_cast<std::size_t>(c)].push_back(
              std::chrono::duration<double, std::micro>(Clock::now() - due).count());
        }
      });
  }
  std::vector<double> all;
  for (const auto& each : times) all.insert(all.end(), each.begin(), each.end());
  report(state, std::move(all));
}
BENCHMARK(paced)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

void as_fast_as_it_goes(benchmark::State& state, const Served& served) {
  constexpr int clients = 8;
  std::atomic<std::uint64_t> done = 0;
  double seconds = 0;
  for (auto _ : state) {
    const auto begun = Clock::now();
    const auto end = begun + std::chrono::seconds(3);
    std::vector<std::jthread> threads;
    for (int c = 0; c < clients; ++c)
      threads.emplace_back([&] {
        Client client(served.listener->port());
        std::uint64_t mine = 0;
        for (; Clock::now() < end; ++mine) client.ask(served.request);
        done += mine;
      });
    threads.clear();
    seconds += std::chrono::duration<double>(Clock::now() - begun).count();
  }
  state.counters["requests_per_second"] = static_cast<double>(done.load()) / seconds;
}

void rate_of_a_scripted_call(benchmark::State& state) {
  as_fast_as_it_goes(state, Served(scripted()));
}
BENCHMARK(rate_of_a_scripted_call)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

void rate_of_a_cached_call(benchmark::State& state) {
  as_fast_as_it_goes(state, Served(cached()));
}
BENCHMARK(rate_of_a_cached_call)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
