// MIPROv2 searches instructions and demonstrations together.  A model writes the instructions; here a script stands in
// for a large one, and the embedded model does the task: its answers are to be in capitals, which nobody has told it.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>
#include <dspy/optimize/mipro_v2.hpp>

#include <array>
#include <print>
#include <string>
#include <vector>

namespace {

std::vector<dspy::Example> examples(std::size_t first, std::size_t count) {
  static constexpr std::array names = {"Mara", "Tom", "Ida", "Leo", "Nora", "Sam", "Ella", "Finn", "Rosa", "Max"};
  static constexpr std::array cities = {"Oslo",   "Lima",   "Rome",  "Cairo",  "Paris",
                                        "Berlin", "Madrid", "Tokyo", "Vienna", "Dublin"};
  static constexpr std::array capitals = {"OSLO",   "LIMA",   "ROME",  "CAIRO",  "PARIS",
                                          "BERLIN", "MADRID", "TOKYO", "VIENNA", "DUBLIN"};
  std::vector<dspy::Example> out;
  for (std::size_t i = first; i < first + count; ++i) {
    out.push_back(dspy::Example({{"context", std::string(names.at(i)) + " lives in " + cities.at(i) + "."},
                                 {"question", std::string("Where does ") + names.at(i) + " live?"},
                                 {"answer", capitals.at(i)}},
                                {"context", "question"}));
  }
  return out;
}

}  // namespace

int main() {
  const auto lm =
      std::make_shared<dspy::LlamaLM>("models/dspy-tiny.gguf", dspy::LlamaOptions{.sampling = {.temperature = 0}});
  const dspy::Program program = dspy::Predict("context, question -> answer", {.lm = lm});
  // What a large model might write; some of it is no use.
  const auto writer = std::make_shared<dspy::ScriptedLM>([n = 0](const dspy::Request& request) mutable -> std::string {
    static constexpr std::array ideas = {"Answer the question from the context.", "Use capital letters only.",
                                         "Answer in a full sentence.", "Answer in capitals."};
    const auto& wanted = request.contract.signature->outputs.front();
    if (wanted.name != "proposed_instruction") return wanted.label + ": a question about a person";
    return wanted.label + ": " + ideas.at(static_cast<std::size_t>(n++) % ideas.size());
  });
  const dspy::Metric exact("exact", [](const dspy::Example& gold, const dspy::Prediction& made) {
    return *gold.get("answer") == made.at("answer");
  });

  // Without demonstrations, so that only instructions are searched.
  const dspy::MiproV2 optimizer({.metric = exact,
                                 .effort = dspy::Effort::light,
                                 .prompt_model = writer,
                                 .max_bootstrapped_demos = 0,
                                 .max_labeled_demos = 0});
  const auto [best, report] = optimizer.compile(program, {.trainset = examples(0, 4), .valset = examples(4, 6)});

  std::println("before: {:.0f} %", dspy::optimize::percent(*report.candidates.front().score));
  std::println("after: {:.0f} %", dspy::optimize::percent(*report.score()));
  best.for_each_predictor([](const std::string&, const dspy::Predictor& predictor) {
    std::println("instruction: {}", predictor.signature().instructions);
  });
}
