// The layers between a program and its models in production: retries, limits, fallbacks, budgets.
// The provider is the local mock provider, which fails like real ones.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <format>
#include <iostream>
#include <memory>

namespace {

/// A model that is overloaded for the first few requests.
std::shared_ptr<dspy::LM> overloaded(dspy::mock::MockProvider& provider, int requests) {
  for (int i = 0; i < requests; ++i) provider.next({{"status", "503"}, {"retry-after", "0"}});
  return dspy::lm("compatible/any?base_url=" + provider.url("/v1"));
}

/// A model that always answers with this status.
std::shared_ptr<dspy::LM> failing(const dspy::mock::MockProvider& provider, int status) {
  return dspy::lm(std::format("compatible/any?base_url={}/mock/status={},retry-after=0/v1", provider.url(), status));
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
  dspy::mock::MockProvider provider({.wishes = {{"reply", "Answer: Paris"}}});
  ask("an overloaded model, as it is", overloaded(provider, 1));
  ask("with retries", dspy::resilient({.primary = overloaded(provider, 2)}));
  ask("with a fallback", dspy::resilient({.primary = failing(provider, 401), .fallbacks = {overloaded(provider, 0)}}));
  ask("when nothing helps", dspy::resilient({.primary = failing(provider, 503), .retry = {.max_retries = 2}}));

  // The budget is reserved before a request is sent, so concurrent requests cannot exceed it.
  const auto thrifty = dspy::resilient({.primary = overloaded(provider, 0), .budget = {.requests = 2}});
  for (int i = 0; i < 3; ++i) ask("on a budget of two requests", thrifty);

  // Assembled by hand, layer by layer: the first is the outermost.
  const auto lm = dspy::stack(overloaded(provider, 1), {dspy::retrying({.initial_backoff_ms = 1}), dspy::breaking(),
                                                        dspy::limited({.requests_per_minute = 600})});
  const auto reply = dspy::wait(lm->complete({.messages = {dspy::Message(dspy::Role::user, "Hello")}}));
  for (const auto& attempt : reply.handling->attempts)
    std::cout << "attempt of " << attempt.lm << ": "
              << (attempt.error ? dspy::to_string(*attempt.error) : std::string_view("taken")) << '\n';
}
