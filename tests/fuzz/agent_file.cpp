// Files of agents, and the JSON Schemas in them.

#include "dspy/agents/agent_file.hpp"

#include "dspy/agents/schema_validator.hpp"
#include "dspy/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto file = dspy::parse_agent(text);
    for (const auto& tool : file.tools) static_cast<void>(tool.checked(dspy::Json(text)));
  } catch (const dspy::Error&) {
  }
  if (const auto json = dspy::parse_json(text)) {
    try {
      static_cast<void>(dspy::SchemaValidator(*json).check(*json));
    } catch (const dspy::Error&) {
    }
  }
  return 0;
}
