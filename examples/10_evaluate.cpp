// Evaluation: a program is scored on examples, and compared with another one on the same data.
//
// Times are not printed, since they differ from run to run; `to_table(result)` and
// `to_html(result)` have them.

#include <dspy/dspy.hpp>

#include <cstdio>
#include <print>
#include <string>
#include <vector>

namespace {

std::vector<dspy::Example> questions() {
  const std::string facts = "Nora lives in Lima. Paul works as a baker. Mara has a cat. Tom lives in Oslo.";
  const std::vector<std::pair<std::string, std::string>> all = {{"Where does Nora live?", "Lima"},
                                                                {"Where does Tom live?", "Oslo"},
                                                                {"What pet does Mara have?", "a cat"},
                                                                {"What does Paul work as?", "a baker"}};
  std::vector<dspy::Example> out;
  for (const auto& [question, answer] : all)
    out.push_back(
        dspy::Example({{"context", facts}, {"question", question}, {"answer", answer}}, {"context", "question"}));
  return out;
}

}  // namespace

int main() {
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});
  const dspy::Program told =
      dspy::Predict(dspy::Signature::parse("context, question -> answer", "Answer the question from the context."));
  const dspy::Program untold = dspy::Predict("question -> answer");
  const auto examples = questions();
  const dspy::Evaluate evaluate({.metric = dspy::metrics::exact_match()});

  const auto with_context = evaluate(told, examples);
  std::println("{}: {:.2f} % of {}, interval {:.0f} to {:.0f}", with_context.metric, with_context.score,
               with_context.rows.size(), with_context.interval->low, with_context.interval->high);
  for (const auto& row : with_context.rows) {
    std::println("  {} -> {} ({})", dspy::to_text(*row.example.get("question")),
                 dspy::to_text(row.prediction.at("answer")), row.score.value);
  }

  // The same examples without their context.
  const auto without = evaluate(untold, dspy::with_inputs(examples, {"question"}));
  const auto comparison = dspy::compare(without, with_context);
  std::println("with the context, {} more are right, and {} fewer; p = {:.3f}", comparison.better.size(),
               comparison.worse.size(), comparison.p_value);
}
