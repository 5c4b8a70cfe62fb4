// Whatever is accepted as a program must be written to a text that reads back to the same program.

#include "dspy/programs/program_file.hpp"

#include "dspy/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    auto file = dspy::read_program(text, {.accept_changed = true});
    for (const auto& saved : file.predictors) {
      if (!saved.names_its_fields()) continue;
      if (!dspy::differences(saved, saved.signature).empty()) std::abort();
      dspy::to_predictor(saved);
    }
    const auto written = dspy::to_text(file);
    if (dspy::to_text(dspy::read_program(written)) != written) std::abort();
  } catch (const dspy::Error&) {
    return 0;  // a refusal with a message is an answer
  }
  return 0;
}
