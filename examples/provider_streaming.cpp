// A provider's stream as it arrives, over server-sent events.  The provider is the local mock
// provider; `dspy::lm("openai/…")` without `base_url` calls the real one.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <iostream>
#include <string>

int main() {
  const dspy::mock::MockProvider provider(
      {.wishes = {{"reply", "Paris is the capital of France."}, {"delta-bytes", "8"}}});
  const auto lm = dspy::lm("compatible/any?base_url=" + provider.url("/v1"));

  const dspy::Request request{.messages = {dspy::Message(dspy::Role::user, "The capital of France?")}};
  dspy::wait(lm->stream(request, [](const dspy::StreamEvent& event) {
    if (event.kind == dspy::StreamEvent::Kind::text) std::cout << event.text << '|' << std::flush;
  }));
  std::cout << "\n";
}
