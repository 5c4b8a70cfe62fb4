#include "dspy/evaluate/trace_examples.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace dspy;

namespace {

struct Two {
  Predict<> plan{"question -> hint"};
  Predict<> answer{"question, hint -> answer"};
  Async<Prediction> run(JsonObject inputs, Run how) const {
    auto hint = co_await plan.run(inputs, how);
    co_return co_await answer.run({{"question", inputs.at("question")}, {"hint", hint.at("hint")}}, how);
  }
};

std::shared_ptr<LM> model(std::string answer) {
  return std::make_shared<ScriptedLM>([answer](const Request& request) -> std::string {
    if (request.messages.back().text().contains("fails")) throw Error(Errc::invalid_parameter, "no");
    return request.contract.signature->outputs.front().label + ": " + answer;
  });
}

}  // namespace

TEST_CASE("What a program was asked becomes examples: the runs, or the calls of a predictor") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  {
    const auto trace = std::make_shared<JsonlTrace>(file);
    for (const auto* const said : {"one", "two"}) {
      const auto program = with_context(with_lm(Program(Two()), model(said)), {.trace = trace});
      program({{"question", "a"}});
      if (std::string(said) == "one") program({{"question", "b"}});
      CHECK_THROWS_AS(program({{"question", "fails"}}), Error);
    }
  }
  const auto runs = examples_from_trace(file);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].inputs() == JsonObject{{"question", "a"}});
  CHECK(*runs[0].get("answer") == "two");  // the latest
  CHECK(*runs[1].get("answer") == "one");

  const auto calls = examples_from_trace(file, "answer");
  REQUIRE(calls.size() == 3);
  CHECK(calls[0].inputs() == JsonObject{{"question", "a"}, {"hint", "one"}});
  CHECK_THROWS_WITH_AS(examples_from_trace(file, "anser"), doctest::Contains("there is `answer` and `plan`"), Error);

  const auto whole = folder.read("run.jsonl");
  folder.write("run.jsonl", whole + "{\"kind\": \"call\", \"inp");
  CHECK(examples_from_trace(file).size() == 2);
  folder.write("run.jsonl", "no json\n" + whole);
  CHECK_THROWS_WITH_AS(examples_from_trace(file), doctest::Contains("run.jsonl:1: the line is not a span"), Error);
}

TEST_CASE("A trace of one predictor needs no path, and one without calls says so") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  with_context(Predict("question -> answer", {.lm = model("yes")}),
               {.trace = std::make_shared<JsonlTrace>(file)})({{"question", "a"}});
  const auto examples = examples_from_trace(file);
  REQUIRE(examples.size() == 1);
  CHECK(*examples[0].get("answer") == "yes");
  folder.write("run.jsonl", "");
  CHECK_THROWS_WITH_AS(examples_from_trace(file), doctest::Contains("has no successful call"), Error);
  CHECK_THROWS_AS(examples_from_trace(folder.path / "none.jsonl"), Error);
}
