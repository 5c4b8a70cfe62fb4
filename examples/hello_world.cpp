// The smallest program: one question, one answer, from a model inside this process.

#include <dspy/dspy.hpp>

#include <iostream>

int main() {
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});

  dspy::Predict answer("question -> answer");
  std::cout << dspy::view(answer({{"question", "What is the capital of France?"}}).at("answer").as_string()) << '\n';
}
