// Calls that take too long, or are no longer needed: a deadline and a stop token, each of which
// cancels a request in progress.  The provider is the mock provider, which never answers here.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <chrono>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>

namespace {

void ask(const char* what, const dspy::Predictor& question, const dspy::CallOptions& how) {
  const auto out = dspy::attempt([&] { return question({{"question", "What is the capital of France?"}}, how); });
  std::cout << what << ": " << (out ? "answered" : dspy::to_string(out.error().code())) << '\n';
}

}  // namespace

int main() {
  using namespace std::chrono_literals;
  const dspy::mock::MockProvider provider({.wishes = {{"hang", "1"}}});
  const dspy::Predict question("question -> answer",
                               {.lm = dspy::lm("compatible/any?base_url=" + provider.url("/v1"))});

  ask("a deadline", question, {.deadline = std::chrono::steady_clock::now() + 100ms});

  std::stop_source stop;
  const std::jthread user([&stop] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  ask("a user who leaves", question, {.stop = stop.get_token()});
}
