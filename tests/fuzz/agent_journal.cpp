// Journals of agents: what is read back writes the same events, and nothing else than an error comes of the rest.

#include "dspy/agents/journal.hpp"
#include "dspy/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto content = dspy::parse_journal(text, "journal");
    if (content.whole_bytes > size) std::abort();
    for (const auto& event : content.events) {
      const auto written = dspy::to_json(event);
      if (dspy::to_json(dspy::agent_event_from_json(written)) != written) std::abort();
    }
  } catch (const dspy::Error&) {
  }
  // The same events without checksums, which random bytes seldom have.
  if (const auto json = dspy::parse_json(text); json && json->is_object()) {
    try {
      const auto event = dspy::agent_event_from_json(json->get_object());
      const auto written = dspy::to_json(event);
      if (dspy::to_json(dspy::agent_event_from_json(written)) != written) std::abort();
    } catch (const dspy::Error&) {
    }
  }
  return 0;
}
