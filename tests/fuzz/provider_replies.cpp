// Replies and streams as providers send them: read or refused, and a stream gives the same however it is cut.  The
// first byte says which protocol speaks.

#include "dspy/base/error.hpp"
#include "dspy/http/ndjson.hpp"
#include "dspy/http/server_sent_events.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "providers/protocol.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace dspy;

struct Speaker {
  Api api;
  std::string_view dialect;
};

constexpr auto speakers = std::to_array<Speaker>({{Api::chat, "openai"},
                                                  {Api::chat, "compatible"},
                                                  {Api::chat, "mistral"},
                                                  {Api::responses, "openai"},
                                                  {Api::anthropic, "anthropic"},
                                                  {Api::gemini, "gemini"},
                                                  {Api::ollama, "ollama"}});

/// The reply as JSON, or the kind of error.
std::string outcome(const Speaker& speaker, std::string_view bytes, std::size_t piece) {
  const auto& protocol = providers::protocol_of(speaker.api);
  const auto& dialect = *find_dialect(speaker.dialect);
  std::string text;
  const EventSink sink = [&](const StreamEvent& event) {
    if (event.kind == StreamEvent::Kind::text) text += event.text;
  };
  providers::Emitter out(sink);
  const auto reply = attempt([&] {
    const auto reducer = protocol.reduce(dialect);
    http::ServerSentEvents events;
    http::Ndjson lines;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      std::string next(bytes.substr(at, piece));
      if (protocol.framing == providers::Framing::lines) {
        lines.feed(std::move(next));
        while (const auto line = lines.next()) reducer->push({.data = *line}, out);
      } else {
        events.feed(std::move(next));
        while (const auto event = events.next()) reducer->push({.event = event->event, .data = event->data}, out);
      }
    }
    return protocol.read(reducer->finish(), dialect);
  });
  return reply ? to_text(to_json(*reply)) + text : std::string(to_string(reply.error().code()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& speaker = speakers.at(data[0] % speakers.size());
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = outcome(speaker, bytes, bytes.size() + 1);
  if (outcome(speaker, bytes, 1) != whole || outcome(speaker, bytes, 5) != whole) std::abort();
  const auto json = parse_json(bytes);
  if (json && json->is_object()) {
    const auto& protocol = providers::protocol_of(speaker.api);
    static_cast<void>(attempt([&] { return protocol.read(json->get_object(), *find_dialect(speaker.dialect)); }));
  }
  return 0;
}
