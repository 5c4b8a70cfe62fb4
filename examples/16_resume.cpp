// A run whose process was killed resumes from its journal: finished steps are not repeated.

#include <dspy/agents/react.hpp>
#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

namespace {

int orders = 0;

std::string order(const std::string& item) {
  ++orders;
  return "ordered " + item;
}

/// Answers according to the prompt; the second question "kills" the process.
std::shared_ptr<dspy::LM> model(bool dies) {
  return std::make_shared<dspy::ScriptedLM>([dies](const dspy::Request& request) -> std::string {
    const auto prompt = request.messages.back().text();
    if (!request.messages.back().text().contains("Next tool name"))
      return "Reasoning: It is ordered.\nSummary: one desk";
    if (!prompt.contains("observation_0"))
      return "Next thought: Order it.\nNext tool name: order\nNext tool args: {\"item\": \"desk\"}";
    if (dies) throw dspy::Error(dspy::Errc::cancelled, "the process is killed here");
    return "Next thought: Done.\nNext tool name: finish\nNext tool args: {}";
  });
}

dspy::ReActAgent agent(bool dies) {
  return {dspy::Signature::parse("request -> summary"),
          dspy::Tools{{"order", "Orders something.", order, dspy::args("item")}},
          {.predictor = {.lm = model(dies)}}};
}

}  // namespace

int main() {
  const auto journal = std::filesystem::temp_directory_path() / "dspy-example-resume.jsonl";
  std::filesystem::remove(journal);
  try {
    agent(true).start({{"request", "A desk, please."}}, {.journal = journal});
  } catch (const dspy::Error& error) {
    std::cout << "stopped: " << error.what() << '\n';
  }
  const auto outcome = agent(false).resume({.journal = journal});
  std::cout << "summary: " << dspy::view(outcome.prediction.at("summary").as_string()) << '\n'
            << "orders: " << orders << '\n';
  std::filesystem::remove(journal);
}
