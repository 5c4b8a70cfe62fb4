// Reading server-sent events from any server as they arrive: the transport delivers arbitrary
// chunks of bytes, and the reader assembles events from them.  `LM::stream` does this for models;
// here it is done by hand.

#include <dspy/dspy.hpp>
#include <dspy/http/curl_transport.hpp>
#include <dspy/http/server_sent_events.hpp>
#include <mock_provider/mock_provider.hpp>

#include <cstddef>
#include <iostream>
#include <string>
#include <utility>

namespace {

dspy::Async<void> show(std::string url) {
  // The server sends the stream five bytes at a time.
  const auto transport = dspy::http::default_transport();
  dspy::http::Request request{.url = std::move(url)};
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
  request.body =
      R"({"model": "any", "max_tokens": 100, "stream": true, "messages": [{"role": "user", "content": "Hi"}]})";
  auto streamed = co_await transport->open(std::move(request));
  std::cout << "status " << streamed.status << '\n';

  dspy::http::ServerSentEvents events;
  std::size_t bytes = 0;
  while (auto piece = co_await streamed.body->next()) {
    bytes += piece->size();
    events.feed(*std::move(piece));
    while (const auto event = events.next()) std::cout << event->event << ": " << event->data.size() << " bytes\n";
  }
  std::cout << bytes << " bytes in all\n";
}

}  // namespace

int main() {
  const dspy::mock::MockProvider provider(
      {.wishes = {{"reply", "Good morning."}, {"delta-bytes", "6"}, {"piece-bytes", "5"}, {"part-delay", "1"}}});
  dspy::wait(show(provider.url("/v1/messages")));
}
