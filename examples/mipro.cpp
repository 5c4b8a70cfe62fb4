// MIPROv2 searches instructions and demonstrations together: one model writes instructions, and a sampler (TPE) chooses
// which combinations to measure.  A script plays both models, so that the example runs anywhere: the worker answers in
// the right unit only if its instruction says so, and rounds correctly only if it was shown how.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>
#include <dspy/optimize/mipro_v2.hpp>

#include <array>
#include <format>
#include <print>
#include <string>
#include <vector>

namespace {

std::string work(const dspy::Request& request) {
  std::string instructions, question;
  int shown = 0;
  for (const auto& message : request.messages) {
    if (message.role == dspy::Role::system) instructions += message.text();
    if (message.role == dspy::Role::assistant) ++shown;
    if (message.role == dspy::Role::user) question = message.text();
  }
  const auto metres = std::stoi(question.substr(question.find("Length: ") + 8));
  const bool knows_unit = instructions.contains("kilometres");
  const bool rounds = shown > 0;
  return std::format("Answer: {} {}", knows_unit ? (metres + (rounds ? 500 : 0)) / 1000 : metres,
                     knows_unit ? "km" : "m");
}

std::string propose(const dspy::Request& request) {
  static constexpr std::array ideas = {"Convert the length.", "Answer in kilometres.", "Be brief."};
  static std::size_t next = 0;
  const auto& output = request.contract.signature->outputs.front();
  if (!output.name.starts_with("proposed_")) return output.label + ": lengths in metres";
  return output.label + ": " + ideas.at(next++ % ideas.size());
}

std::vector<dspy::Example> lengths(int first) {
  std::vector<dspy::Example> out;
  for (int i = 0; i < 12; ++i) {
    const int metres = first + 700 * i;
    out.push_back(
        dspy::Example({{"length", metres}, {"answer", std::format("{} km", (metres + 500) / 1000)}}, {"length"}));
  }
  return out;
}

}  // namespace

int main() {
  const dspy::Program program =
      dspy::Predict("length: int -> answer", {.lm = std::make_shared<dspy::ScriptedLM>(work)});
  const dspy::MiproV2 optimizer({.metric = dspy::metrics::exact_match(),
                                 .effort = {},
                                 .num_candidates = 4,
                                 .num_trials = 12,
                                 .prompt_model = std::make_shared<dspy::ScriptedLM>(propose),
                                 .minibatch = false});
  // Written one after the other, so that the script's ideas come in the same order in every run.
  const auto [best, report] =
      optimizer.compile(program, {.trainset = lengths(1200), .valset = lengths(1500), .search = {.concurrency = 1}});

  std::println("{:.0f} % before, {:.0f} % after {} programs", dspy::optimize::percent(*report.candidates[0].score),
               dspy::optimize::percent(*report.score()), report.candidates.size());
  best.for_each_predictor([](const std::string&, const dspy::Predictor& predictor) {
    std::println("instruction: {}", predictor.signature().instructions);
    std::println("demonstrations: {}", predictor.demos().empty() ? "none" : "some");
  });
}
