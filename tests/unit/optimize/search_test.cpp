// What holds for every optimizer: limits, stops, failures, checkpoints.

#include "dspy/optimize/kernel/search.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/kernel/rollout.hpp"
#include "random_search.hpp"
#include "support/folder.hpp"
#include "support/in_child.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

using namespace dspy;
using namespace dspy::test::search;

TEST_CASE("A search finds the same at any concurrency, and leaves the student as it was") {
  const auto program = student(test::model_of(answer));
  const auto before = optimize::digest(program);
  const BootstrapFewShotWithRandomSearch optimizer(options());
  const auto one = optimizer.compile(program, training({.concurrency = 1}));
  const auto many = optimizer.compile(program, training({.concurrency = 64}));
  CHECK(outcome(one) == outcome(many));
  CHECK(one.report.usage.requests == many.report.usage.requests);
  CHECK(optimize::digest(program) == before);
  CHECK(one.report.stopped.empty());
  CHECK(one.report.curve.back().best == *one.report.score());
}

TEST_CASE("A search never makes more requests than it may, and then returns the best so far") {
  const auto counted = [](std::uint64_t limit, std::size_t concurrency) {
    auto count = std::make_shared<std::atomic<std::uint64_t>>(0);
    const auto lm = test::model_of([count](const test::Asked& asked) { return answer(asked); });
    const auto counting = std::make_shared<ScriptedLM>([count, lm](const Request& request) -> Reply {
      count->fetch_add(1);
      return wait(lm->complete(request));
    });
    const auto optimized = BootstrapFewShotWithRandomSearch(options()).compile(
        student(counting), training({.concurrency = concurrency, .limits = {.requests = limit}}));
    CHECK(count->load() <= limit);
    CHECK(optimized.report.usage.requests == count->load());
    return outcome(optimized) + optimized.report.stopped;
  };
  for (const std::uint64_t limit : {20U, 33U, 47U, 80U, 111U, 140U}) {
    CAPTURE(limit);
    const auto serial = counted(limit, 1);
    CHECK(serial.find("the budget of") != std::string::npos);
    CHECK(serial == counted(limit, 64));
  }
  CHECK_THROWS_WITH_AS(
      counted(3, 8),
      "BootstrapFewShotWithRandomSearch ended before any program was measured: the budget of 3 requests "
      "is used",
      Error);
}

TEST_CASE("Limits of tokens and of runs end a search as well") {
  const auto program = student(test::model_of(answer));
  const BootstrapFewShotWithRandomSearch optimizer(options());
  const auto by_tokens = optimizer.compile(program, training({.limits = {.tokens = 700}}));
  CHECK(by_tokens.report.stopped.starts_with("the budget of 700 tokens is used"));
  const auto by_runs = optimizer.compile(program, training({.limits = {.rollouts = 25}}));
  CHECK(by_runs.report.rollouts == 25);
  CHECK(by_runs.report.stopped == "the budget of 25 runs of the program is used");
}

TEST_CASE("A search that is asked to stop returns the best so far") {
  std::stop_source stop;
  std::size_t evaluated = 0;
  auto with_stop = training({.stop = stop.get_token(), .on_event = [&](const optimize::Event& event) {
                               if (event.kind == optimize::Event::Kind::evaluated && ++evaluated == 2)
                                 stop.request_stop();
                             }});
  const auto optimized =
      BootstrapFewShotWithRandomSearch(options()).compile(student(test::model_of(answer)), with_stop);
  CHECK(optimized.report.stopped == "it was asked to stop");
  CHECK(optimized.report.score().has_value());
  with_stop.search.on_event = {};
  CHECK_THROWS_AS(BootstrapFewShotWithRandomSearch(options()).compile(student(test::model_of(answer)), with_stop),
                  Error);
}

TEST_CASE("A limit of money ends a search, and one that cannot be kept says why") {
  const auto priced = [](std::optional<std::int64_t> nanodollars) {
    return std::make_shared<ScriptedLM>([nanodollars, lm = test::model_of(answer)](const Request& request) -> Reply {
      auto reply = wait(lm->complete(request));
      reply.usage.cost_nanodollars = nanodollars;
      return reply;
    });
  };
  const BootstrapFewShotWithRandomSearch optimizer(options());
  const auto limited = training({.concurrency = 1, .limits = {.nanodollars = 50'000'000}});
  const auto optimized = optimizer.compile(student(priced(1'000'000)), limited);
  CHECK(optimized.report.stopped == "the budget of $0.0500 is used ($0.0500)");
  CHECK(optimized.report.usage.requests == 50);
  CHECK(optimized.report.usage.cost_nanodollars == 50'000'000);
  // A request that fails is no unknown price.
  auto failing = training({.limits = {.nanodollars = 1'000'000'000}, .retry_delay = std::chrono::milliseconds(0)});
  const auto shaky = std::make_shared<ScriptedLM>(
      [lm = priced(1), calls = std::make_shared<std::atomic<int>>(0)](const Request& request) -> Reply {
        if ((*calls)++ % 5 == 0) throw Error(Errc::unavailable, "no answer");
        return wait(lm->complete(request));
      });
  CHECK(optimizer.compile(student(shaky), failing).report.stopped.empty());
  CHECK_THROWS_WITH_AS(optimizer.compile(student(priced({})), limited),
                       doctest::Contains("the price of a model is unknown"), Error);
  CHECK_THROWS_AS(optimizer.compile(student(priced(1)), training({.limits = {.nanodollars = 0}})), Error);
}

TEST_CASE("A model that fails for 30 % of the calls changes nothing but the number of requests") {
  const auto steady = BootstrapFewShotWithRandomSearch(options()).compile(student(test::model_of(answer)), training());
  std::atomic<std::uint64_t> calls = 0;
  const auto lm = test::model_of(answer);
  const auto shaky = std::make_shared<ScriptedLM>([&](const Request& request) -> Reply {
    if (Random(calls.fetch_add(1)).below(10) < 3) throw Error(Errc::unavailable, "no answer");
    return wait(lm->complete(request));
  });
  const auto optimized = BootstrapFewShotWithRandomSearch(options()).compile(
      student(shaky), training({.retry_delay = std::chrono::milliseconds(0)}));
  CHECK(outcome(optimized) == outcome(steady));
  CHECK(optimized.report.retries > 10);
}

TEST_CASE("A model that cannot be asked at all is an error, not a score") {
  const auto lm = std::make_shared<ScriptedLM>(
      [](const Request&) -> Reply { throw Error(Errc::authentication_failed, "the key is wrong"); });
  CHECK_THROWS_WITH_AS(BootstrapFewShotWithRandomSearch(options()).compile(student(lm), training()),
                       "BootstrapFewShotWithRandomSearch ended before any program was measured: the key is wrong",
                       Error);
}

TEST_CASE("A model that is gone in the middle ends the search with the best so far") {
  std::atomic<std::uint64_t> calls = 0;
  const auto lm = test::model_of(answer);
  const auto dying = std::make_shared<ScriptedLM>([&](const Request& request) -> Reply {
    if (calls.fetch_add(1) > 60) throw Error(Errc::billing_error, "no money is left");
    return wait(lm->complete(request));
  });
  const auto optimized = BootstrapFewShotWithRandomSearch(options()).compile(student(dying), training());
  CHECK(optimized.report.stopped == "no money is left");
  REQUIRE(optimized.report.score().has_value());
  for (const auto& each : optimized.report.candidates) CHECK((each.row_scores.empty() || each.row_scores.size() == 10));
}

TEST_CASE("Ties go to the shorter prompt") {
  const auto program =
      student(test::model_of([](const test::Asked& asked) { return std::format("a{}", asked.question); }));
  auto more = options();
  more.restrict_to = {-2, -1, 0, -3};
  const auto optimized = BootstrapFewShotWithRandomSearch(more).compile(program, training());
  CHECK(*optimized.report.score() == 1);
  CHECK(optimized.report.candidates[*optimized.report.chosen].origin == "no demonstrations");
}

TEST_CASE("A search that is killed again and again ends where an undisturbed one does, and pays for nothing twice") {
  const test::Folder folder;
  const auto paid = folder.path / "paid";
  const auto checkpoint = folder.path / "checkpoint.jsonl";
  const auto found = folder.path / "found";
  // Notes each reply it gives; `last` replies from now on, the process is killed.
  const auto noting = [](const std::filesystem::path& file, std::uint64_t last) {
    auto count = std::make_shared<std::uint64_t>(0);
    return std::make_shared<ScriptedLM>(
        [=, lm = test::model_of(answer)](const Request& request) -> Reply {
          if ((*count)++ == last) ::raise(SIGKILL);
          std::ofstream(file, std::ios::app) << "reply\n";
          return wait(lm->complete(request));
        },
        "noting");
  };
  const auto undisturbed = BootstrapFewShotWithRandomSearch(options()).compile(
      student(noting(folder.path / "all", std::numeric_limits<std::uint64_t>::max())), training());

  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    std::filesystem::remove(paid);
    std::filesystem::remove(checkpoint);
    Random random(seed);
    int kills = 0;
    while (!test::in_child([&] {
      const auto optimized = BootstrapFewShotWithRandomSearch(options()).compile(
          student(noting(paid, 1 + random.below(17))), training({.concurrency = 8, .checkpoint = checkpoint}));
      std::ofstream(found) << outcome(optimized);
    })) {
      ++kills;
      random();  // the next child is another one
      REQUIRE(kills < 400);
    }
    CHECK(kills > 5);
    CHECK(lines_of(paid).size() == lines_of(folder.path / "all").size());
    CHECK(lines_of(found).front() == outcome(undisturbed));
  }
}

TEST_CASE("A checkpoint that is damaged is kept aside, and its other lines go on") {
  const test::Folder folder;
  const auto path = folder.path / "checkpoint.jsonl";
  const BootstrapFewShotWithRandomSearch optimizer(options());
  const auto program = student(test::model_of(answer));
  const auto first = optimizer.compile(program, training({.checkpoint = path}));
  auto lines = lines_of(path);
  REQUIRE(lines.size() > 50);
  lines[40][30] ^= 1;
  {
    std::ofstream file(path, std::ios::trunc);
    for (const auto& line : lines) file << line << '\n';
  }
  const auto again = optimizer.compile(program, training({.checkpoint = path}));
  CHECK(outcome(again) == outcome(first));
  REQUIRE(again.report.notes.size() == 1);
  CHECK(again.report.notes[0].find("line 41 of the checkpoint") != std::string::npos);
  CHECK(lines_of(path.string() + ".damaged-1").size() == lines.size());
  CHECK(again.report.usage.requests - again.report.replayed_requests <= 1);  // no more than what line 41 had
  const auto third = optimizer.compile(program, training({.checkpoint = path}));
  CHECK(third.report.notes.empty());
  CHECK(third.report.replayed_requests == third.report.usage.requests);  // nothing was asked
}

TEST_CASE("A checkpoint of another run is refused") {
  const test::Folder folder;
  const auto path = folder.path / "checkpoint.jsonl";
  const auto program = student(test::model_of(answer));
  BootstrapFewShotWithRandomSearch(options()).compile(program, training({.checkpoint = path}));
  auto other = options();
  other.max_bootstrapped_demos = 1;
  const auto result =
      attempt([&] { return BootstrapFewShotWithRandomSearch(other).compile(program, training({.checkpoint = path})); });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::config_error);
  CHECK(std::string(result.error().what()).find("belongs to another run") != std::string::npos);
}

TEST_CASE("A disk that is full ends the search with the best so far") {
  const test::Folder folder;
  const auto found = folder.path / "found";
  CHECK(test::in_child([&] {
    const auto lm = test::model_of(answer);
    std::signal(SIGXFSZ, SIG_IGN);
    const ::rlimit limit{.rlim_cur = 30'000, .rlim_max = 30'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(4);
    const auto optimized = BootstrapFewShotWithRandomSearch(options()).compile(
        student(lm), training({.checkpoint = folder.path / "checkpoint.jsonl"}));
    std::ofstream(found) << optimized.report.stopped << '\n';
    if (!optimized.report.score()) ::_exit(5);
  }));
  REQUIRE(lines_of(found).size() == 1);
  CHECK(lines_of(found)[0].starts_with("cannot write the checkpoint"));
}
