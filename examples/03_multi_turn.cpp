// A conversation.  The history is a value owned by the caller: each call sends it to the model, and
// there is no hidden state.  The engine keeps the prompt's KV cache, so each turn computes only the
// new tokens: watch the number of cached tokens grow.

#include <dspy/dspy.hpp>

#include <iostream>

struct Ask {
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
  const dspy::Predict<Ask> ask;

  dspy::History history;
  const Ask::Input turns[] = {
      {.context = "Omar lives in Cairo.", .question = "Where does Omar live?"},
      {.context = "Omar works as a pilot.", .question = "What is the job of Omar?"},
      {.context = "Omar likes chess.", .question = "What does Omar like to do?"},
  };
  for (const auto& turn : turns) {
    const auto out = ask(turn, {.history = history});
    history.append(ask.to_values(turn), out.prediction());
    std::cout << turn.question << "  " << out.answer << "  (prompt " << *out.usage().prompt_tokens << " tokens, "
              << *out.usage().cache_read_tokens << " of them cached)\n";
  }
}
