// Any text: no crash, an end inside the text, and a value that strict JSON can hold.

#include "adapters/lenient_json.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<dspy::Flag> flags;
  dspy::FlagList liberties(flags);
  const auto found = dspy::read_lenient_json(text, 0, liberties);
  if (found && found->end > size) std::abort();
  // What is strict JSON already must be read as the same value, without liberties.
  const auto strict = dspy::parse_json(text);
  if (strict && (!found || found->value != *strict) && text.find("\\u") == std::string_view::npos) {
    // The strict reader allows deeper nesting than replies may have.
    if (found || text.find_first_of("[{") == std::string_view::npos) std::abort();
  }
  return 0;
}
