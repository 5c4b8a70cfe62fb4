// A stream of events, cut as the first byte says: the same events as in one piece, and no byte is lost or made up.

#include "dspy/base/error.hpp"
#include "dspy/http/server_sent_events.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr dspy::http::ServerSentEventLimits limits{.line_bytes = 512, .event_bytes = 1024, .stray_bytes = 256};

std::string read(std::string_view text, std::size_t piece) {
  dspy::http::ServerSentEvents events(limits);
  std::string out;
  std::size_t bytes = 0;
  const auto keep = [&](const dspy::http::ServerSentEvent& event) {
    if (event.data.size() > limits.event_bytes) std::abort();
    bytes += event.data.size();
    for (const auto part : {event.event, event.data, event.id}) {
      out += part;
      out += '\0';
    }
  };
  try {
    for (std::size_t at = 0; at < text.size(); at += piece) {
      events.feed(std::string(text.substr(at, piece)));
      while (const auto event = events.next()) keep(*event);
    }
    if (const auto event = events.finish()) keep(*event);
  } catch (const dspy::Error&) {
    // Earlier where pieces are smaller or larger; that it is refused is the same.
    return "refused";
  }
  if (bytes > text.size() || events.stray().size() > limits.stray_bytes) std::abort();
  out += events.stray();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto text = input.substr(1);
  const auto whole = read(text, std::max<std::size_t>(text.size(), 1));
  if (read(text, 1) != whole) std::abort();
  if (read(text, static_cast<unsigned char>(input[0]) % 16 + 1U) != whole) std::abort();
  return 0;
}
