#include "dspy/programs/program.hpp"

#include "dspy/lm/scripted.hpp"
#include "dspy/modules/best_of_n.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predict.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace dspy;

namespace {

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
    int answer = 0;
  };
};

struct Quiz {
  std::string question;
};

struct Checked {
  int answer = 0;
  std::string fact;
};

/// Looks a fact up, and answers with it.
struct TwoSteps {
  Predict<> find{"question -> fact"};
  Predict<Ask> answer;

  Async<Checked> run(Quiz input, Run how) const {
    auto fact = co_await find.run({{"question", input.question}}, how);
    auto out = co_await answer.run({.question = input.question}, how);
    co_return Checked{.answer = out.answer, .fact = std::string(view(fact.at("fact").as_string()))};
  }
};

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

/// Answers by what the prompt's last message says.
std::shared_ptr<ScriptedLM> echo() {
  return std::make_shared<ScriptedLM>([](const Request& request) -> std::string {
    const auto text = request.messages.back().text();
    if (text.contains("Question: 13")) throw Error(Errc::rate_limit_exceeded, "not now");
    if (request.contract.signature->find("fact") != nullptr) return "Fact: known";
    return "Answer: " + text.substr(text.find(": ") + 2, 2);
  });
}

}  // namespace

TEST_CASE("A program with one coroutine is called, awaited, streamed and run in batches") {
  const auto program = with_lm(TwoSteps(), echo());
  std::string streamed;

  CHECK(call(program, {"41"}).answer == 41);
  CHECK(wait(acall(program, {"42"})).fact == "known");
  CHECK(stream(program, {"43"}, [&](const FieldEvent& event) { streamed += event.text; }).answer == 43);
  CHECK(streamed == "known43");

  const auto rows = run_batch(program, {{"11"}, {"13"}, {"15"}}, {.concurrency = 2});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]->answer == 11);
  REQUIRE_FALSE(rows[1].has_value());
  CHECK(rows[1].error().code() == Errc::rate_limit_exceeded);
  CHECK(rows[2]->answer == 15);
}

TEST_CASE("A batch begins no more rows after too many errors, or when it is stopped") {
  const auto program = with_lm(TwoSteps(), echo());
  std::stop_source stop;
  stop.request_stop();

  const auto rows = run_batch(program, {{"13"}, {"15"}}, {.concurrency = 1, .max_errors = 1});
  const auto stopped = run_batch(program, {{"15"}}, {.call = {.stop = stop.get_token()}});

  CHECK(rows[1].error().code() == Errc::cancelled);
  CHECK(stopped[0].error().code() == Errc::cancelled);
  CHECK_THROWS_AS(run_batch(program, {{"15"}}, {.concurrency = 0}), Error);
}

TEST_CASE("A Program forgets the type, and copies, changes and calls it by names") {
  const auto lm = scripted({"Fact: f", "Answer: 4", "Fact: g", "Answer: 5"});
  const Program program = with_lm(TwoSteps(), lm);
  auto other = program;
  std::vector<std::string> paths;

  other.for_each_predictor([&](const std::string& path, Predictor& predictor) {
    paths.push_back(path);
    predictor.set_signature(predictor.signature().with_instructions("Be brief."));
  });

  const auto out = program({{"question", "2+2?"}});
  CHECK(out.data == JsonObject{{"answer", 4}, {"fact", "f"}});
  CHECK(out.usage().requests == 2);
  CHECK(other({{"question", "?"}}).at("answer") == 5);
  CHECK(paths == std::vector<std::string>{"find", "answer"});
  CHECK_FALSE(lm->requests()[0].messages[0].text().contains("Be brief."));
  CHECK(lm->requests()[2].messages[0].text().contains("Be brief."));
  CHECK_THROWS_AS(program({{"query", "2+2?"}}), Error);
}

TEST_CASE("Any module is a Program") {
  const Program plain = Predict("question -> answer: int", {.lm = scripted({"Answer: 4"})});
  const Program typed = Predict<Ask>({.lm = scripted({"Answer: 5"})});
  const Program thinking = ChainOfThought<Ask>({.lm = scripted({"Reasoning: r\nAnswer: 6"})});

  CHECK(plain({{"question", "?"}}).at("answer") == 4);
  CHECK(typed({{"question", "?"}}).at("answer") == 5);
  CHECK(thinking({{"question", "?"}}).at("answer") == 6);
}

TEST_CASE("A traced Program has a span of its own, around those of its calls") {
  const auto log = std::make_shared<TraceLog>();
  const Program program = traced(with_lm(TwoSteps(), scripted({"Fact: f", "Answer: 4"})), log);

  program({{"question", "?"}});

  const auto spans = log->spans();
  REQUIRE(spans.size() == 5);
  CHECK(spans[4].at("kind") == "program");
  CHECK(spans[4].at("outputs") == JsonObject{{"answer", 4}, {"fact", "f"}});
  CHECK(spans[1].at("parent") == spans[4].at("id"));
  CHECK(spans[3].at("path") == "answer");
  CHECK(spans[3].at("parent") == spans[4].at("id"));
}

TEST_CASE("BestOfN keeps the answer with the highest reward, and stops at one that is good enough") {
  const auto reward = [](const Quiz&, const Checked& out) { return out.answer / 10.0; };
  const auto lm = scripted({"Fact: f", "Answer: 3", "Fact: g", "Answer: 7", "Fact: h", "Answer: 5"});
  const BestOfN best(with_lm(TwoSteps(), lm), 3, reward);

  CHECK(best({"?"}).answer == 7);
  CHECK(lm->requests().size() == 6);
  CHECK_FALSE(lm->requests()[0].sampling.temperature.has_value());
  CHECK(lm->requests()[2].sampling.temperature == 1);
  CHECK(lm->requests()[2].sampling.seed != lm->requests()[4].sampling.seed);

  const auto quick = scripted({"Fact: f", "Answer: 9"});
  CHECK(BestOfN(with_lm(TwoSteps(), quick), 3, reward, 0.9)({"?"}).fact == "f");
  CHECK(named_predictors(best).size() == 2);
  CHECK(Program(best).run({{"question", "?"}}, {}).valid());
}

TEST_CASE("BestOfN bears as many errors as it is told to") {
  const auto reward = [](const Quiz&, const Checked&) { return 0.5; };
  const auto replies = std::deque<std::string>{"Fact: f", "Answer: x", "Answer: y", "Fact: g", "Answer: 7"};

  CHECK_THROWS_AS((BestOfN(with_lm(TwoSteps(), scripted(replies)), 2, reward)({"?"})), Error);
  CHECK((BestOfN(with_lm(TwoSteps(), scripted(replies)), 2, reward, 1, 1)({"?"})).answer == 7);
  CHECK_THROWS_AS((BestOfN(TwoSteps(), 0, reward)), Error);
}

TEST_CASE("The span of a Program within another is part of the other's") {
  struct Outer {
    Program inner;
    Predict<> check{"answer: int -> fact"};

    Async<Prediction> run(JsonObject inputs, Run how) const {
      auto made = co_await inner.run(std::move(inputs), how);
      co_return co_await check.run({{"answer", made.at("answer")}}, how);
    }
  };
  const auto log = std::make_shared<TraceLog>();
  const auto lm = scripted({"Fact: f", "Answer: 4", "Fact: g"});
  const Program program = traced(with_lm(Outer{.inner = TwoSteps()}, lm), log);

  program({{"question", "?"}});

  const auto spans = log->spans();
  REQUIRE(spans.size() == 8);
  const auto& inner = spans[4];
  const auto& outer = spans[7];
  CHECK(inner.at("kind") == "program");
  CHECK(outer.at("kind") == "program");
  CHECK(spans[1].at("parent") == inner.at("id"));
  CHECK(spans[3].at("parent") == inner.at("id"));
  CHECK(inner.at("parent") == outer.at("id"));
  CHECK(spans[6].at("parent") == outer.at("id"));
  CHECK(outer.at("parent") == 0);
}
