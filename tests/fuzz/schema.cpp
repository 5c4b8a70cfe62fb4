// Whatever is accepted as a JSON Schema gives a type whose own schema is accepted again and gives the
// same schema; and no dialect fails on it.

#include "dspy/base/error.hpp"
#include "dspy/signature/json_schema.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using enum dspy::SchemaDialect;

dspy::JsonObject schema_of(const dspy::Type& type) {
  return dspy::to_json_schema(type).schema;
}

/// Our own schema must be one that is read.
dspy::JsonObject again(const dspy::JsonObject& schema) {
  try {
    return schema_of(dspy::from_json_schema(schema).type);
  } catch (const dspy::Error&) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto type = dspy::parse_json_schema(text, {.allow_unsupported = size % 2 == 1}).type;
    for (const auto dialect : {openai, anthropic, gemini, llama}) dspy::to_json_schema(type, dialect);
    const auto written = schema_of(type);
    if (again(written) != written) std::abort();
  } catch (const dspy::Error&) {
    return 0;  // a refusal with a message is an answer
  }
  return 0;
}
