#include "dspy/llama/tool_contract.hpp"

namespace dspy::llama {

ToolFormat ToolFormat::tagged() {
  return {.before = "<tool_call>\n", .after = "\n</tool_call>", .arguments_key = "arguments"};
}

ToolFormat ToolFormat::bare() {
  return {.before = "", .after = "", .arguments_key = "parameters", .several = false};
}

ToolFormat ToolFormat::recognise(std::string_view jinja) {
  // `<function=` belongs to a format in which arguments are elements; those models read the tagged one too.
  if (jinja.contains("<tool_call>") && !jinja.contains("<function=")) return tagged();
  if (jinja.contains("<|start_header_id|>") && jinja.contains("parameters")) return bare();
  auto format = tagged();
  format.native = false;
  return format;
}

}  // namespace dspy::llama
