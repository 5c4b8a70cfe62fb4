#include "dspy/agents/sandbox/interpreter.hpp"
#include "dspy/agents/tool.hpp"
#include "dspy/agents/tool_outcome.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/error.hpp"

#include <utility>

namespace dspy {
namespace {

Async<Json> called(FunctionTool tool, JsonObject arguments) {
  auto outcome = co_await tool.call(std::move(arguments));
  if (outcome.is_error) throw Error(Errc::inference_failed, observation(outcome));
  co_return std::move(outcome.value);
}

std::vector<std::string> parameters_of(const FunctionTool& tool) {
  std::vector<std::string> out;
  if (const auto* const properties = tool.definition().parameters.if_contains("properties"))
    if (properties->is_object())
      for (const auto& [name, schema] : properties->get_object()) out.emplace_back(name);
  return out;
}

}  // namespace

std::vector<HostFunction> host_functions(const Tools& tools) {
  std::vector<HostFunction> out;
  for (const auto& tool : tools) {
    auto name = tool.name();
    for (auto& c : name)
      if (c == '.' || c == '-') c = '_';
    out.push_back({.name = std::move(name),
                   .parameters = parameters_of(tool),
                   .description = tool.definition().description,
                   .call = [tool](JsonObject arguments) { return called(tool, std::move(arguments)); }});
  }
  return out;
}

}  // namespace dspy
