// Streaming: each field's text as the model writes it, already separated by field, and the
// typed result at the end.

#include <dspy/dspy.hpp>

#include <iostream>

int main() {
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});
  const dspy::ChainOfThought reasoned("question -> answer: int");

  std::string current;
  const auto out = reasoned.stream({{"question", "What is 7 * 8 + 5?"}}, [&](const dspy::FieldEvent& event) {
    if (event.field != current) {
      current = event.field;
      std::cout << "[" << current << "] ";
    }
    std::cout << event.text << (event.done ? "\n" : "|") << std::flush;
  });
  std::cout << "answer + 1 = " << out.at("answer").as_int64() + 1 << '\n';
}
