// Files that a killed run may have left, and answers of batch APIs: read, or refused with an error.

#include "bulk/part_folder.hpp"
#include "dspy/base/error.hpp"

#ifdef DSPY_WITH_PROVIDERS
#include "bulk/batch/batch_api.hpp"
#endif

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string_view rest;
  if (const auto head = dspy::bulk::row_head(bytes, &rest)) {
    // What is read is written again in the one form there is.
    std::string line;
    dspy::bulk::append_row(line, *head, rest.substr(0, rest.size() - 1));
    line.pop_back();
    if (dspy::bulk::row_head(line) != head) std::abort();
  }
#ifdef DSPY_WITH_PROVIDERS
  for (const auto* const api : {&dspy::bulk::openai_batches, &dspy::bulk::anthropic_batches}) {
    try {
      for (const auto& answer : api->read(bytes)) {
        if (answer.body.empty()) std::abort();
      }
    } catch (const dspy::Error&) {
      continue;
    }
  }
#endif
  return 0;
}
