// What HTTP adds to a burst: 32 requests at once to the embedded model, whose prompts have some 800 tokens in common
// and 40 of their own, 48 tokens written; through `/v1/chat/completions` and by the library alone, in turns, with the
// same prompts and nothing known of them before.

#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/routes.hpp"
#include "support/http_client.hpp"
#include "support/measure.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <format>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace dspy;
using bench::Clock;

constexpr std::size_t clients = 32;
constexpr int written = 48;

/// About so many tokens.
std::string words(std::size_t count, std::uint64_t seed) {
  constexpr std::array all = {"order", "parcel", "invoice", "printer", "account", "refund", "delivery", "late"};
  std::string out;
  for (const auto token : bench::random_tokens(count, seed))
    out.append(all[static_cast<std::size_t>(token) % all.size()]) += ' ';
  return out;
}

struct Question {
  std::string system;
  std::string user;
};

std::vector<Question> questions(std::uint64_t round) {
  const auto common = words(400, round);
  std::vector<Question> out;
  for (std::size_t i = 0; i < clients; ++i) out.push_back({.system = common, .user = words(20, round * 1000 + i)});
  return out;
}

double by_the_library(LlamaLM& lm, const std::vector<Question>& all) {
  const auto begin = Clock::now();
  std::vector<Async<void>> calls;
  for (const auto& each : all)
    calls.push_back([](LlamaLM& model, const Question& question) -> Async<void> {
      Request request;
      request.messages = {{Role::system, question.system}, {Role::user, question.user}};
      request.sampling = {.max_tokens = written, .temperature = 0};
      benchmark::DoNotOptimize(co_await model.complete(std::move(request)));
    }(lm, each));
  wait(when_all(std::move(calls)));
  return bench::seconds(Clock::now() - begin);
}

double through_http(std::uint16_t port, const std::vector<Question>& all) {
  std::vector<std::string> requests;
  for (const auto& each : all) {
    const auto body =
        to_text(JsonObject{{"model", "m"},
                           {"temperature", 0},
                           {"max_tokens", written},
                           {"messages", JsonArray{JsonObject{{"role", "system"}, {"content", each.system}},
                                                  JsonObject{{"role", "user"}, {"content", each.user}}}}});
    requests.push_back(std::format("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}",
                                   body.size(), body));
  }
  std::latch ready(clients + 1);
  std::vector<std::jthread> threads;
  for (const auto& request : requests)
    threads.emplace_back([&] {
      bench::Client client(port);
      ready.arrive_and_wait();
      client.ask(request);
    });
  ready.arrive_and_wait();
  const auto begin = Clock::now();
  threads.clear();
  return bench::seconds(Clock::now() - begin);
}

void burst(benchmark::State& state) {
  const auto lm = std::make_shared<LlamaLM>("models/dspy-tiny.gguf",
                                            LlamaOptions{.engine = {.sequences = 16, .threads = 1, .draft_memory = 0}});
  auto catalog = std::make_shared<server::Catalog>();
  catalog->put(server::ServedModel{.name = "m", .lm = lm});
  auto routes = std::make_shared<server::Routes>();
  routes->add(server::protocol_routes(catalog));
  const server::Listener listener(routes, {});
  by_the_library(*lm, questions(1));
  std::vector<double> library, http, share;
  std::uint64_t round = 2;
  for (auto _ : state) {
    const auto all = questions(round);
    const bool http_first = round++ % 2 == 0;
    for (const bool is_http : {http_first, !http_first}) {
      lm->engine().clear();
      (is_http ? http : library).push_back(is_http ? through_http(listener.port(), all) : by_the_library(*lm, all));
    }
    share.push_back(library.back() / http.back());
  }
  state.counters["library_s"] = bench::median(library);
  state.counters["http_s"] = bench::median(http);
  state.counters["share"] = bench::median(share);
}
BENCHMARK(burst)->Iterations(7)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
