// Reasoning before the answer.  `ChainOfThought` is `Predict` with an additional output,
// `reasoning`, before the others.  This way small models get sums right that they miss when they
// have to answer immediately.

#include <dspy/dspy.hpp>

#include <iostream>

int main() {
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});
  const dspy::Predict direct("question -> answer: int");
  const dspy::ChainOfThought reasoned("question -> answer: int");

  const dspy::JsonObject problem{
      {"question", "Paul has 5 boxes of 8 eggs. Paul gives 9 eggs to Ana. How many eggs are left?"}};
  std::cout << "directly:  " << direct(problem).at("answer") << '\n';

  const auto thought = reasoned(problem);
  std::cout << "reasoning: " << dspy::view(thought.at("reasoning").as_string()) << '\n'
            << "reasoned:  " << thought.at("answer") << '\n';
}
