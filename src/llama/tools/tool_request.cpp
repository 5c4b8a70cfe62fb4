#include "dspy/base/error.hpp"
#include "llama/tools/tool_calls.hpp"

#include <algorithm>
#include <format>

namespace dspy::llama {
namespace {

void check(const ToolDefinition& tool, const std::vector<ToolDefinition>& before, const ToolFormat& format) {
  if (!tool.builtin.empty()) {
    throw Error(Errc::unsupported,
                std::format("the tool `{}` is run by a provider, and a model in this process has none; offer a tool of "
                            "your own",
                            tool.builtin));
  }
  if (tool.name.empty()) throw Error(Errc::invalid_parameter, "a tool has no name; give it one");
  if (std::ranges::contains(before, tool.name, &ToolDefinition::name))
    throw Error(Errc::invalid_parameter, std::format("two tools are called `{}`; rename one", tool.name));
  if (!format.text_mark.empty() && format.head(tool.name).first == format.text_mark) {
    throw Error(
        Errc::invalid_parameter,
        std::format("a tool is called `{}`, with which this model begins what is not a call; rename it", tool.name));
  }
}

}  // namespace

std::shared_ptr<const ToolContract> tool_contract_of(const Request& request, const ToolFormat& format) {
  const auto& choice = request.tool_choice;
  if (request.tools.empty()) {
    if (choice.mode != ToolChoice::Mode::required) return nullptr;
    throw Error(Errc::invalid_parameter, "a tool call is required and no tool is offered; offer one");
  }
  auto contract = std::make_shared<ToolContract>();
  for (const auto& tool : request.tools) {
    check(tool, contract->tools, format);
    contract->tools.push_back(tool);
  }
  for (const auto& name : choice.allowed) {
    if (!std::ranges::contains(contract->tools, name, &ToolDefinition::name))
      throw Error(Errc::invalid_parameter, std::format("the tool `{}` is allowed but not offered; offer it too", name));
  }
  if (choice.mode == ToolChoice::Mode::none) return nullptr;
  if (!choice.allowed.empty()) {
    std::erase_if(contract->tools,
                  [&](const ToolDefinition& tool) { return !std::ranges::contains(choice.allowed, tool.name); });
  }
  contract->format = format;
  contract->required = choice.mode == ToolChoice::Mode::required;
  contract->several = format.several && choice.parallel.value_or(true);
  return contract;
}

std::size_t count_calls(const Chat& chat) noexcept {
  std::size_t count = 0;
  for (const auto& message : chat) {
    count += static_cast<std::size_t>(
        std::ranges::count_if(message.parts, [](const Part& part) { return part.get<ToolCallPart>() != nullptr; }));
  }
  return count;
}

}  // namespace dspy::llama
