#include "dspy/bulk/queue/fleet_rollouts.hpp"

#include "dspy/base/error.hpp"
#include "dspy/bulk/queue/row_queue.hpp"
#include "dspy/bulk/queue/worker.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/programs/program_file.hpp"
#include "support/cache_server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <format>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

/// Answers by what it reads and by the seed, as a sampled model does; the more demonstrations, the better.
std::string reply_to(const Request& request) {
  std::size_t length = 0;
  for (const auto& message : request.messages) length += message.text().size();
  const auto& question = request.messages.back().text();
  const auto draw =
      std::hash<std::string>{}(std::format("{}/{}/{}", question, length, request.sampling.seed.value_or(0)));
  if (question.contains("instruction")) return std::format("Proposed Instruction: Answer as variant {}.", draw % 7);
  if (draw % 11 == 0) return "I do not know.\n\nNothing: x";
  return std::format("Answer: {}", draw % 3 == 0 ? "no" : "yes");
}

std::shared_ptr<LM> model(std::shared_ptr<std::atomic<int>> asked = {}) {
  auto lm = std::make_shared<ScriptedLM>(std::function<std::string(const Request&)>([asked](const Request& request) {
                                           if (asked) ++*asked;
                                           return reply_to(request);
                                         }),
                                         "the same for all workers");
  lm->remember(false);
  return lm;
}

Program student(std::shared_ptr<LM> lm) {
  return Program(Predictor(Signature::parse("question -> answer"), {.lm = std::move(lm)}));
}

Training training(std::shared_ptr<optimize::RolloutBackend> backend = {}) {
  Training out;
  for (int i = 0; i < 24; ++i) {
    (i < 10 ? out.trainset : out.valset)
        .push_back(Example({{"question", std::format("Is {} even?", i)}, {"answer", i % 2 == 0 ? "yes" : "no"}},
                           {"question"}));
  }
  out.search.backend = std::move(backend);
  return out;
}

/// Workers in threads of their own, each with a program of its own.
class Workers {
 public:
  Workers(const std::string& url, int count, std::shared_ptr<std::atomic<int>> asked) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([url, asked](const std::stop_token& stop) {
        const auto queue = redis_queue(url, {.name = "search", .patience = 500ms});
        run_worker(rollout_program(student(model(asked))), std::string(rollout_version), *queue,
                   {.concurrency = 4, .poll = 5ms, .call = {.stop = stop}});
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

std::shared_ptr<optimize::RolloutBackend> backend(const test::CacheServer& server) {
  return redis_rollouts(server.url(), {.name = "search", .poll = 5ms, .stall = 60s});
}

}  // namespace

TEST_CASE("A search over a fleet finds what it finds on one machine") {
  const test::CacheServer server;
  if (!server.is_there()) return;
  const auto metric = metrics::exact_match("answer");
  const std::vector<std::pair<std::string, std::function<Optimized(const Program&, const Training&)>>> optimizers = {
      {"random search",
       [&](const Program& program, const Training& given) {
         return BootstrapFewShotWithRandomSearch({.metric = metric, .num_candidate_programs = 4})
             .compile(program, given);
       }},
      {"MIPROv2",
       [&](const Program& program, const Training& given) {
         return MiproV2({.metric = metric,
                         .effort = {},
                         .num_candidates = 3,
                         .num_trials = 4,
                         .seed = 3,
                         .minibatch = false})
             .compile(program, given);
       }},
      {"GEPA",
       [&](const Program& program, const Training& given) {
         return Gepa({.metric = metric, .effort = {}, .max_metric_calls = 60, .seed = 3}).compile(program, given);
       }},
  };
  const auto asked = std::make_shared<std::atomic<int>>(0);
  const auto here = std::make_shared<std::atomic<int>>(0);
  const Workers workers(server.url(), 3, asked);
  for (const auto& [name, compile] : optimizers) {
    CAPTURE(name);
    const auto alone = compile(student(model()), training());
    const auto before = asked->load();
    const auto fleet = compile(student(model(here)), training(backend(server)));
    CHECK(asked->load() > before);
    CHECK(to_text(to_program_file(fleet.program)) == to_text(to_program_file(alone.program)));
    REQUIRE(fleet.report.candidates.size() == alone.report.candidates.size());
    for (std::size_t i = 0; i < alone.report.candidates.size(); ++i)
      CHECK(fleet.report.candidates[i].score == alone.report.candidates[i].score);
    CHECK(fleet.report.rollouts == alone.report.rollouts);
    CHECK(fleet.report.usage.requests == alone.report.usage.requests);
    // For a search that was killed and lost its checkpoint, nothing is asked again.
    const auto after = asked->load();
    const auto again = compile(student(model(here)), training(backend(server)));
    CHECK(asked->load() == after);
    CHECK(to_text(to_program_file(again.program)) == to_text(to_program_file(alone.program)));
  }
}

TEST_CASE("A worker with another program ends, and a fleet of none is told") {
  const test::CacheServer server;
  if (!server.is_there()) return;
  const auto queue = redis_queue(server.url(), {.name = "search", .patience = 50ms});
  const auto lonely = redis_rollouts(server.url(), {.name = "search", .poll = 5ms, .stall = 1s});
  const auto metric = metrics::exact_match("answer");
  const BootstrapFewShotWithRandomSearch search({.metric = metric, .num_candidate_programs = 2});
  const auto ended = attempt([&] { search.compile(student(model()), training(lonely)); });
  REQUIRE_FALSE(ended);
  CHECK(std::string(ended.error().what()).contains("no worker of the queue `search` answered for 1 s"));
  CHECK(queue->size() > 0);
  const auto other = Program(Predictor(Signature::parse("question -> reply"), {.lm = model()}));
  const auto report =
      run_worker(rollout_program(other), std::string(rollout_version), *queue, {.concurrency = 1, .until_empty = true});
  REQUIRE(report.stopped);
  CHECK(std::string(report.stopped->what()).contains("another program than the search"));
  CHECK(queue->size() > 0);  // for those that have it
}

TEST_CASE("What a fleet cannot keep is refused") {
  const auto nowhere = redis_rollouts("redis://127.0.0.1:1/0");
  const auto metric = metrics::exact_match("answer");
  const BootstrapFewShot search({.metric = metric});
  auto given = training(nowhere);
  given.search.limits.requests = 100;
  CHECK_THROWS_AS(search.compile(student(model()), given), Error);
  given = training(nowhere);
  given.teacher = student(model());
  CHECK_THROWS_AS(search.compile(student(model()), given), Error);
  CHECK_THROWS_AS(redis_rollouts("http://x"), Error);
}
