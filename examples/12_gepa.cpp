// GEPA learns from the metric's feedback, not only from its score.  A script plays both models, so
// the example runs anywhere: the worker follows its instruction, and the reflecting model reads the
// feedback.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>
#include <dspy/optimize/gepa.hpp>

#include <format>
#include <print>
#include <string>
#include <vector>

namespace {

std::string said_by(const dspy::Request& request) {
  std::string out;
  for (const auto& message : request.messages) {
    for (const auto& part : message.parts) {
      if (const auto* const text = part.get<dspy::TextPart>()) out += text->text + "\n";
    }
  }
  return out;
}

/// Answers with the city, and with whatever else the instruction asks for.
std::string work(const dspy::Request& request) {
  const auto said = said_by(request);
  std::string answer = said.find("Question: France") != std::string::npos ? "Paris" : "Rome";
  if (said.find("country code") != std::string::npos) answer += answer == "Paris" ? " (FR)" : " (IT)";
  if (said.find("full stop") != std::string::npos) answer += ".";
  return "Answer: " + answer;
}

/// Adds to the instruction whatever the feedback says is missing.
std::string reflect(const dspy::Request& request) {
  const auto said = said_by(request);
  std::string rules = "Name the capital.";
  for (const auto* rule : {"Add the country code in brackets.", "End with a full stop."}) {
    if (said.find(rule) != std::string::npos) rules += std::string(" ") + rule;
  }
  return "New instruction: " + rules;
}

}  // namespace

int main() {
  const auto worker = std::make_shared<dspy::ScriptedLM>(work);
  const auto thinker = std::make_shared<dspy::ScriptedLM>(reflect);
  auto signature = dspy::Signature::parse("question -> answer", "Name the capital.");
  const dspy::Program program = dspy::Predict(signature, {.lm = worker});

  const dspy::Metric metric("with feedback", [](const dspy::Example& gold, const dspy::Prediction& made) {
    const std::string answer(dspy::view(made.at("answer").as_string()));
    const std::string wanted(dspy::view(gold.get("answer")->as_string()));
    if (answer.find('(') == std::string::npos)
      return dspy::Score{.value = 0.2, .feedback = "Add the country code in brackets."};
    if (answer != wanted)
      return dspy::Score{.value = 0.6, .feedback = "Add the country code in brackets. End with a full stop."};
    return dspy::Score{.value = 1, .feedback = "That is right."};
  });
  const std::vector<dspy::Example> rows = {
      dspy::Example({{"question", "France"}, {"answer", "Paris (FR)."}}, {"question"}),
      dspy::Example({{"question", "Italy"}, {"answer", "Rome (IT)."}}, {"question"}),
  };

  const dspy::Gepa optimizer(
      {.metric = metric, .max_metric_calls = 40, .reflection_minibatch_size = 2, .reflection_lm = thinker});
  const auto [best, report] = optimizer.compile(program, {.trainset = rows, .valset = rows});

  for (const auto& each : report.candidates) {
    if (each.score) std::println("{:5.1f} %  {}", dspy::optimize::percent(*each.score), each.origin);
  }
  best.for_each_predictor([](const std::string&, const dspy::Predictor& predictor) {
    std::println("instruction: {}", predictor.signature().instructions);
  });
}
