// OpenAI's Responses over a WebSocket that stays open: the turns of a conversation need no new request over HTTP.  The
// provider here is the mock one, on this machine; leave `base_url` out, and it is OpenAI.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <iostream>
#include <string>

int main() {
  dspy::mock::MockProvider provider;
  for (const char* reply : {"Answer: Paris", "Answer: Rome", "Answer: Bern"}) provider.next({{"reply", reply}});
  const auto lm = dspy::lm("openai/responses/any?web_socket=true&base_url=" + provider.url("/v1"));

  const dspy::Predict capital("country -> answer", {.lm = lm});
  for (const char* country : {"France", "Italy", "Switzerland"})
    std::cout << country << ": " << dspy::view(capital({{"country", country}}).at("answer").as_string()) << '\n';
  std::cout << provider.request_count() << " requests, " << provider.connections() << " connection\n";

  // A stream has the same events as over HTTP.
  provider.next({{"reply", "It snows in the Alps."}, {"delta-bytes", "8"}});
  const dspy::Request request{.messages = {dspy::Message(dspy::Role::user, "The weather?")}};
  const auto reply = dspy::wait(lm->stream(request, [](const dspy::StreamEvent& event) {
    if (event.kind == dspy::StreamEvent::Kind::text) std::cout << event.text << '|' << std::flush;
  }));
  std::cout << '\n' << *reply.usage.completion_tokens << " tokens\n";
}
