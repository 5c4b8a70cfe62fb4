// Texts of any kind: a key in one is gone afterwards, wherever it stood.

#include "dspy/lm/tracing/redactor.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto redactor = [] {
    dspy::Redactor made;
    made.add(dspy::Secret("canary-key-0123456789"));
    return made;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto half = size / 2;
  const auto with_key = std::string(text.substr(0, half)) + "canary-key-0123456789" + std::string(text.substr(half));
  if (redactor.redacted(with_key).find("canary-key-0123456789") != std::string::npos) std::abort();
  return 0;
}
