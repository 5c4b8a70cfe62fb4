#include "dspy/lm/scripted.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

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
