// What parse_json accepts must survive a round trip through text, compact and pretty.

#include "dspy/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = dspy::parse_json({reinterpret_cast<const char*>(data), size});
  if (!value) {
    if (value.error().position > size) std::abort();
    return 0;
  }
  for (const auto& text : {dspy::to_text(*value), dspy::to_pretty_text(*value)}) {
    const auto again = dspy::parse_json(text);
    if (!again || *again != *value) std::abort();
  }
  return 0;
}
