// Any bytes are read as each format, into texts in UTF-8, or refused by a typed error.

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/documents/document.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  using enum dspy::DocumentFormat;
  for (const auto format : {text, markdown, html, csv, tsv, jsonl, docx}) {
    try {
      for (const auto& document : dspy::parse_documents(bytes, format, "fuzz", {.max_bytes = 1 << 20}))
        if (document.text.empty() || dspy::text::invalid_utf8(document.text)) std::abort();
    } catch (const dspy::Error&) {  // refused
    }
  }
  return 0;
}
