// Whatever is accepted as a flow must be written to a text that reads back to the same flow, and must make a program.

#include "dspy/flow/flow.hpp"

#include "dspy/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto plan = dspy::parse_flow_plan(text);
    if (dspy::parse_flow_plan(dspy::to_text(dspy::to_json(plan))) != plan) std::abort();
    const dspy::Flow flow(plan);
    dspy::validate(flow.signature());
  } catch (const dspy::Error&) {
    return 0;  // a refusal with a message is an answer
  }
  return 0;
}
