// Thinking in words first.  `ChainOfThought` is `Predict` with one more output, `reasoning`,
// before the others.  Small models get sums right this way that they miss when they must
// answer at once.

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
