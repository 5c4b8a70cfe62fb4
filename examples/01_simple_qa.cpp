// A typed signature: a struct declares the inputs and outputs.  `Input` and `Output` are plain
// aggregates, so a call reads like Python's keyword arguments and a misspelt field does not
// compile.

#include <dspy/dspy.hpp>

#include <iostream>

struct AnswerFromContext {
  static constexpr auto instructions = "Answer the question from the context.";
  struct Input {
    std::string context;
    std::string question;
  };
  struct Output {
    std::string answer;
  };
};

int main() {
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});
  const dspy::Predict<AnswerFromContext> ask;

  const std::string context = "Nora lives in Lima. Paul works as a baker. Nora has a parrot.";
  for (const auto* question : {"Where does Nora live?", "What is the job of Paul?", "What pet does Nora have?"}) {
    const auto out = ask({.context = context, .question = question});
    std::cout << question << "  " << out.answer << "  (" << *out.usage().prompt_tokens << " + "
              << *out.usage().completion_tokens << " tokens)\n";
  }
}
