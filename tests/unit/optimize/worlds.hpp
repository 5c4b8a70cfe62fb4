#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/programs/program.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <format>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

// Programs, examples and models of the recorded behaviour of Python DSPy 3.4.1 (tests/cases/dspy/3.4.1).

namespace dspy::test {

inline std::vector<JsonObject> rows_of(const std::string& name) {
  std::ifstream file(DSPY_TEST_DIR "/cases/dspy/3.4.1/" + name + ".jsonl");
  REQUIRE_MESSAGE(file, "cannot open the cases " << name);
  std::vector<JsonObject> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(parse_json(line)->as_object());
  return rows;
}

inline std::string text(const Json& value) {
  return std::string(view(value.as_string()));
}
inline std::size_t number(const Json& value) {
  return value.to_number<std::size_t>();
}

struct One {
  Predict<> answer{"question -> answer"};
  Async<Prediction> run(JsonObject inputs, Run how) const { co_return co_await answer.run(inputs, how); }
};

struct Two {
  Predict<> plan{"question -> hint"};
  Predict<> answer{"question, hint -> answer"};
  Async<Prediction> run(JsonObject inputs, Run how) const {
    auto hint = co_await plan.run(inputs, how);
    co_return co_await answer.run({{"question", inputs.at("question")}, {"hint", hint.at("hint")}}, how);
  }
};

/// Checks the hint of every other question.
struct Three {
  Predict<> plan{"question -> hint"};
  Predict<> check{"question, hint -> verdict"};
  Predict<> answer{"question, hint -> answer"};
  Async<Prediction> run(JsonObject inputs, Run how) const {
    auto hint = co_await plan.run(inputs, how);
    const JsonObject both = {{"question", inputs.at("question")}, {"hint", hint.at("hint")}};
    if (std::stoi(text(inputs.at("question")).substr(1)) % 2 == 0) co_await check.run(both, how);
    co_return co_await answer.run(both, how);
  }
};

inline Program program_named(const std::string& name) {
  if (name == "one") return One();
  if (name == "two") return Two();
  REQUIRE(name == "three");
  return Three();
}

inline Example example_of(std::size_t k) {
  return Example(JsonObject{{"question", std::format("q{}", k)}, {"answer", std::format("a{}", k)}}, {"question"});
}
inline std::vector<Example> examples_of(std::size_t count, std::size_t first = 0) {
  std::vector<Example> out;
  for (std::size_t k = first; k < first + count; ++k) out.push_back(example_of(k));
  return out;
}
/// The number of an example or a demonstration.
inline std::size_t number_of(const Example& example) {
  return static_cast<std::size_t>(std::stoul(text(example.data.at("question")).substr(1)));
}

/// What a scripted model is asked: which output, of which question, at which draw, with which questions shown before.
struct Asked {
  std::string output;
  std::size_t question = 0;
  std::size_t draw = 0;
  std::vector<std::size_t> shown = {};
  std::string instructions = {};
};

inline std::string text_of(const Message& message) {
  std::string out;
  for (const auto& part : message.parts) {
    if (const auto* const each = part.get<TextPart>()) out += each->text;
  }
  return out;
}

/// What the messages say of it.
inline Asked asked_by_messages(const Request& request) {
  Asked out;
  std::vector<std::size_t> all;
  for (const auto& message : request.messages) {
    if (message.role == Role::system) out.instructions += text_of(message);
    if (message.role != Role::user) continue;
    const auto said = text_of(message);
    const auto at = said.find("Question: q");
    if (at == std::string::npos) continue;
    all.push_back(static_cast<std::size_t>(std::stoul(said.substr(at + 11))));
  }
  REQUIRE_FALSE(all.empty());
  out.question = all.back();
  all.pop_back();
  out.shown = std::move(all);
  return out;
}

inline Asked asked_by(const Request& request) {
  auto out = asked_by_messages(request);
  out.output = request.contract.signature->outputs.front().name;
  out.draw = static_cast<std::size_t>(request.sampling.seed.value_or(0));
  return out;
}

/// Hints and verdicts are `hk` and `vk`; answers come from `answer`.
inline std::shared_ptr<ScriptedLM> model_of(std::function<std::string(const Asked&)> answer) {
  auto lm = std::make_shared<ScriptedLM>([answer = std::move(answer)](const Request& request) -> std::string {
    const auto asked = asked_by(request);
    if (asked.output == "hint") return std::format("Hint: h{}", asked.question);
    if (asked.output == "verdict") return std::format("Verdict: v{}", asked.question);
    return "Answer: " + answer(asked);
  });
  lm->remember(false);
  return lm;
}

inline Metric exact_match() {
  return {"exact match", [](const Example& example, const Prediction& prediction) {
            return *example.get("answer") == prediction.at("answer");
          }};
}

}  // namespace dspy::test
