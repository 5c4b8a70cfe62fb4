// What can go wrong, and how it is reported.  Every failure of a call throws one class,
// `dspy::Error`, with a code, a sentence that names the remedy, and facts as fields.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <chrono>
#include <functional>
#include <iostream>

namespace {

void report(const char* what, const std::function<void()>& work) {
  try {
    work();
    std::cout << what << ": no error\n";
  } catch (const dspy::Error& error) {
    std::cout << what << ": " << dspy::to_string(error.code()) << "\n  " << error.what() << '\n';
    if (error.info().actual) std::cout << "  actual " << *error.info().actual << ", max " << *error.info().max << '\n';
  }
}

}  // namespace

int main() {
  const auto lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0&context_length=512");
  const dspy::Predict ask("question -> answer", {.lm = lm});

  report("a bad signature", [] { dspy::Signature::parse("question -> answer: flaot"); });
  report("a missing input", [&] { ask({}); });
  report("an unknown model", [] { dspy::lm("llama:models/absent.gguf"); });
  report("a prompt that does not fit", [&] { ask({{"question", std::string(8000, 'x')}}); });
  report("a deadline that passed", [&] {
    ask({{"question", "What is the capital of France?"}}, {.deadline = std::chrono::steady_clock::now()});
  });

  // A reply that does not fit the signature keeps everything that could be read.
  const dspy::mock::MockProvider parrot({.wishes = {{"reply", "Answer: many\nUnit: apples"}}});
  const dspy::Predict count(
      "question -> answer: int, unit, reason",
      {.lm = dspy::lm("compatible/any?base_url=" + parrot.url("/v1")), .policy = {.ask_again = 0}});
  report("an unreadable reply", [&] { count({{"question", "2+2?"}}); });

  // `attempt` turns the exception into a value, for loops in which one failure must not end the
  // others.
  const auto result = dspy::attempt([&] { return ask({{"question", "What is the capital of Italy?"}}); });
  std::cout << "and then: " << (result ? dspy::to_text(result->at("answer")) : result.error().what()) << '\n';
}
