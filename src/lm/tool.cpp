#include "dspy/lm/tool.hpp"

namespace dspy {

const std::vector<ToolDefinition>& ToolList::all() const noexcept {
  static const std::vector<ToolDefinition> none;
  return tools_ ? *tools_ : none;
}

void ToolList::push_back(ToolDefinition tool) {
  auto tools = all();
  tools.push_back(std::move(tool));
  *this = std::move(tools);
}

}  // namespace dspy
