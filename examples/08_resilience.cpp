// What stands between a program and its models in production: retries, limits, fallbacks, budgets.  The models here are
// scripts that fail as real ones do, so that the example runs anywhere; put `dspy::lm("…")` in their place.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

namespace {

/// A model that is overloaded for its first requests.
std::shared_ptr<dspy::LM> overloaded(int requests) {
  return std::make_shared<dspy::ScriptedLM>(
      [left = std::make_shared<int>(requests)](const dspy::Request&) -> std::string {
        if ((*left)-- > 0)
          throw dspy::Error(dspy::Errc::unavailable, "the model is overloaded",
                            {.retry_after = std::chrono::milliseconds(5)});
        return "Answer: Paris";
      });
}

std::shared_ptr<dspy::LM> always(dspy::Errc code, const std::string& message) {
  return std::make_shared<dspy::ScriptedLM>(
      [code, message](const dspy::Request&) -> std::string { throw dspy::Error(code, message); });
}

void ask(const char* what, const std::shared_ptr<dspy::LM>& lm) {
  const dspy::Predict question("question -> answer", {.lm = lm});
  const auto out = dspy::attempt([&] { return question({{"question", "What is the capital of France?"}}); });
  if (out) {
    std::cout << what << ": " << dspy::view(out->at("answer").as_string()) << '\n';
  } else {
    std::cout << what << ": " << dspy::to_string(out.error().code()) << "\n  " << out.error().what() << '\n';
  }
}

}  // namespace

int main() {
  ask("an overloaded model, as it is", overloaded(2));
  ask("with retries", dspy::resilient({.primary = overloaded(2)}));
  ask("with a fallback", dspy::resilient({.primary = always(dspy::Errc::authentication_failed, "there is no such key"),
                                          .fallbacks = {overloaded(0)}}));
  ask("when nothing helps", dspy::resilient({.primary = overloaded(1'000), .retry = {.max_retries = 2}}));

  // A budget is set aside before a request is made, so that many at once cannot overshoot it.
  const auto thrifty = dspy::resilient({.primary = overloaded(0), .budget = {.requests = 2}});
  for (int i = 0; i < 3; ++i) ask("on a budget of two requests", thrifty);

  // By hand, layer by layer: the first is outermost.
  const auto lm = dspy::stack(overloaded(1), {dspy::retrying({.initial_backoff_ms = 1}), dspy::breaking(),
                                              dspy::limited({.requests_per_minute = 600})});
  const auto reply = dspy::wait(lm->complete({.messages = {dspy::Message(dspy::Role::user, "Hello")}}));
  for (const auto& attempt : reply.handling->attempts)
    std::cout << "attempt of " << attempt.lm << ": "
              << (attempt.error ? dspy::to_string(*attempt.error) : std::string_view("taken")) << '\n';
}
