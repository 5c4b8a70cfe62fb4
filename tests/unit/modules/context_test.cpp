#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

using namespace dspy;

namespace {

/// Two steps, none of which knows of deadlines, traces or budgets.
struct TwoSteps {
  Predict<> find{"question -> fact"};
  Predict<> answer{"question, fact -> answer: int"};

  Json operator()(const std::string& question) const {
    auto fact = find({{"question", question}});
    return answer({{"question", question}, {"fact", fact.at("fact")}}).at("answer");
  }
};

TwoSteps steps(std::shared_ptr<LM> lm) {
  return with_lm(TwoSteps(), lm);
}

/// Counts spans; keeps the last error.
struct Counting final : Trace {
  void begin(const Span&) override { ++begun; }
  void end(const Span& span) override {
    ++ended;
    if (span.error != nullptr) last = *span.error;
  }

  int begun = 0, ended = 0;
  std::optional<Error> last;
};

/// Never answers, unless it is stopped.
class Silent final : public LM {
 public:
  std::string_view model() const noexcept override { return "silent"; }
  Async<Reply> complete(Request /*request*/) override {
    return []() -> Async<Reply> {
      co_await dspy::sleep(std::chrono::hours(1));
      co_return Reply();
    }();
  }
};

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

}  // namespace

TEST_CASE("A program of two steps is traced, call by call and attempt by attempt, without a line of its own") {
  const auto log = std::make_shared<TraceLog>();
  const auto program = traced(steps(scripted({"Fact: 2 and 2", "Answer: blue", "Answer: 4"})), log);

  CHECK(program("2+2?") == 4);

  const auto spans = log->spans();
  REQUIRE(spans.size() == 5);
  CHECK(spans[0].at("kind") == "attempt");
  CHECK(spans[0].at("path") == "find");
  CHECK(spans[0].at("lm") == "scripted");
  CHECK(spans[0].at("request").at("messages").as_array().size() == 1);
  CHECK(spans[0].at("reply").at("completions").at(0).at("text") == "Fact: 2 and 2");
  CHECK(spans[1].at("kind") == "call");
  CHECK(spans[1].at("outputs") == JsonObject{{"fact", "2 and 2"}});
  CHECK(spans[1].at("inputs") == JsonObject{{"question", "2+2?"}});
  CHECK(spans[0].at("parent") == spans[1].at("id"));
  CHECK(spans[3].at("attempt") == 2);
  CHECK(spans[4].at("path") == "answer");
  CHECK(spans[2].at("parent") == spans[4].at("id"));
  CHECK(spans[4].at("usage").at("requests") == 2);
}

TEST_CASE("A failed call ends its spans with the error, and tells what it took") {
  const auto log = std::make_shared<TraceLog>();
  const auto program = traced(steps(scripted({"Fact: f", "Answer: blue", "Answer: red"})), log);

  const auto result = attempt([&] { return program("2+2?"); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::parse_error);
  CHECK(result.error().info().usage.requests == 2);
  CHECK(log->spans().back().at("error").at("kind") == "parse_error");
}

TEST_CASE("What the LM throws carries the usage of the requests before it") {
  const auto program = steps(scripted({"Fact: f", "Answer: blue"}));

  const auto result = attempt([&] { return program("2+2?"); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::inference_failed);
  CHECK(result.error().info().usage.requests == 1);
}

TEST_CASE("A program stops at its deadline, when it is asked to, and when its budget is used up") {
  std::stop_source stop;
  const auto budget = std::make_shared<Budget>(Budget::Limits{.requests = 1});
  const auto program = [] { return steps(scripted({"Fact: f", "Answer: 4"})); };
  const auto code_of = [](const TwoSteps& each) {
    const auto result = attempt([&] { return each("2+2?"); });
    return result ? std::optional<Errc>() : result.error().code();
  };

  CHECK(code_of(with_context(program(), {.deadline = std::chrono::steady_clock::now()})) == Errc::deadline_exceeded);
  CHECK(code_of(with_context(program(), {.stop = stop.get_token()})) == std::nullopt);
  stop.request_stop();
  CHECK(code_of(with_context(program(), {.stop = stop.get_token()})) == Errc::cancelled);
  CHECK(code_of(with_context(program(), {.budget = budget})) == Errc::token_budget_exhausted);
  CHECK(budget->used().requests == 1);
}

TEST_CASE("Contexts around contexts all hold, and paths grow") {
  const auto log = std::make_shared<TraceLog>();
  const auto outer = std::make_shared<Budget>(Budget::Limits{.requests = 10});
  const auto inner = std::make_shared<Budget>(Budget::Limits{.requests = 10});
  auto program = with_context(steps(scripted({"Fact: f", "Answer: 4"})), {.budget = inner});

  program = with_context(std::move(program), {.budget = outer, .trace = log, .path = "rag"});

  CHECK(program("?") == 4);
  CHECK(inner->used().requests == 2);
  CHECK(outer->used().requests == 2);
  CHECK(log->spans().back().at("path") == "rag.answer");
}

TEST_CASE("with_sampling goes before the predictors' own, where it says something") {
  const auto lm = scripted({"Fact: f", "Answer: 4"});
  auto program = steps(lm);
  program.find.set_sampling({.temperature = 0.1, .seed = 1});

  with_sampling(program, {.temperature = 0.9})("?");

  CHECK(lm->requests()[0].sampling.temperature == 0.9);
  CHECK(lm->requests()[0].sampling.seed == 1U);
  CHECK(program.find.sampling().temperature == 0.1);
}

TEST_CASE("Every span that begins ends, whatever ends the call") {
  SUBCASE("a coroutine that is cancelled") {
    const auto spans = std::make_shared<Counting>();
    const auto program = traced(steps(std::make_shared<Silent>()), spans);
    std::stop_source stop;
    const std::jthread stops([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      stop.request_stop();
    });

    CHECK_THROWS_AS(wait(until(program.find.acall({{"question", "?"}}), stop.get_token())), Error);

    CHECK(spans->begun == 2);
    CHECK(spans->ended == 2);
    REQUIRE(spans->last);
    CHECK(spans->last->code() == Errc::cancelled);
  }
  SUBCASE("an exception of the model's own") {
    const auto spans = std::make_shared<Counting>();
    const auto broken = std::make_shared<ScriptedLM>(
        [](const Request&) -> std::string { throw std::runtime_error("the cable is out"); });

    CHECK_THROWS_AS(traced(steps(broken), spans)("?"), std::runtime_error);

    CHECK(spans->begun == 2);
    CHECK(spans->ended == 2);
    REQUIRE(spans->last);
    CHECK(std::string_view(spans->last->what()) == "the cable is out");
  }
}

TEST_CASE("A call whose time is over asks nobody and takes nothing of the budget") {
  const auto lm = scripted({"Fact: f", "Answer: 4"});
  const auto budget = std::make_shared<Budget>(Budget::Limits{.requests = 2, .tokens = 100'000});
  auto program = with_sampling(steps(lm), {.max_tokens = 500});
  std::stop_source stop;
  stop.request_stop();

  CHECK_THROWS_WITH_AS(
      with_context(program, {.deadline = std::chrono::steady_clock::time_point(), .budget = budget})("?"),
      "the deadline passed before the request was sent; give the program more time", Error);
  CHECK_THROWS_AS(with_context(program, {.stop = stop.get_token(), .budget = budget})("?"), Error);

  CHECK(lm->requests().empty());
  CHECK(budget->used() == Usage());
  CHECK_NOTHROW(budget->reserve({.tokens = 100'000}));
}

TEST_CASE("A program without predictors cannot be changed") {
  struct Empty {
    int rounds = 2;
  };

  CHECK_THROWS_WITH_AS(traced(Empty(), std::make_shared<Counting>()),
                       "the program has no predictors to change; its modules must be members, or in its "
                       "for_each_predictor",
                       Error);
  CHECK_THROWS_AS(with_lm(Empty(), scripted({})), Error);
}
