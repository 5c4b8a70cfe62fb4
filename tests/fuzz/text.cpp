// A Utf8Buffer fed in pieces gives the text it gives in one piece, and always valid UTF-8.

#include "dspy/base/text.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);

  dspy::text::Utf8Buffer whole;
  std::string expected = whole.push(bytes);
  expected += whole.finish();

  dspy::text::Utf8Buffer pieces;
  std::string collected;
  const std::size_t step = size == 0 ? 1 : data[0] % 5 + 1;
  for (std::size_t at = 0; at < size; at += step) {
    const auto part = pieces.push(bytes.substr(at, step));
    if (dspy::text::invalid_utf8(part)) std::abort();
    collected += part;
  }
  collected += pieces.finish();

  if (collected != expected || dspy::text::invalid_utf8(expected)) std::abort();
  if (!dspy::text::invalid_utf8(bytes) && expected != bytes) std::abort();
  return 0;
}
