#pragma once

#include "dspy/base/json.hpp"
#include "dspy/llama/tool_contract.hpp"
#include "dspy/lm/completion.hpp"
#include "llama/tools/tool_calls.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

/// A way of writing calls, with two calls.
struct Family {
  std::string_view name;
  llama::ToolFormat format;
  std::string_view two_calls;
};

inline const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"tagged", llama::ToolFormat::tagged(),
       "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
       "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"},
      {"mistral", llama::ToolFormat::mistral(" "),
       "[TOOL_CALLS] [{\"name\": \"add\", \"arguments\": {\"a\": 1}}, {\"name\": \"now\", \"arguments\": {}}]"},
      {"mistral_named", llama::ToolFormat::mistral_named(), "[TOOL_CALLS]add[ARGS]{\"a\": 1}[TOOL_CALLS]now[ARGS]{}"},
      {"mistral_ids", llama::ToolFormat::mistral_ids(),
       "[TOOL_CALLS]add[CALL_ID]a1B2c3D4e[ARGS]{\"a\": 1}[TOOL_CALLS]now[CALL_ID]000000002[ARGS]{}"},
      {"deepseek_r1", llama::ToolFormat::deepseek(true),
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\": "
       "1}\n```<｜tool▁call▁end｜>\n"
       "<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
      {"deepseek_v31", llama::ToolFormat::deepseek(false),
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
       "<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
      {"command_r", llama::ToolFormat::command_r(),
       "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"add\", \"parameters\": {\"a\": 1}},\n"
       "    {\"tool_call_id\": \"1\", \"tool_name\": \"now\", \"parameters\": {}}\n]<|END_ACTION|>"},
      {"functionary", llama::ToolFormat::functionary(),
       "<function=add>{\"a\": 1}</function><function=now>{}</function>"},
      {"functionary_marked", llama::ToolFormat::functionary_marked(), ">>>add\n{\"a\": 1}>>>now\n{}"},
      {"gemma", llama::ToolFormat::gemma(), "```tool_code\nadd(a=1)\nnow()\n```"},
      {"granite", llama::ToolFormat::granite(),
       "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}, {\"name\": \"now\", \"arguments\": {}}]"},
      {"phi", llama::ToolFormat::phi(),
       "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}, {\"name\": \"now\", \"arguments\": "
       "{}}]<|/tool_call|>"},
      {"kimi", llama::ToolFormat::kimi(),
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.add:0<|tool_call_argument_begin|>{\"a\": "
       "1}<|tool_call_end|>"
       "<|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>"},
      {"glm", llama::ToolFormat::glm(),
       "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>"},
      {"qwen_coder", llama::ToolFormat::qwen_coder(),
       "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>\n"
       "<tool_call>\n<function=now>\n</function>\n</tool_call>"},
  };
  return all;
}

/// Two tools: `add`, which takes an `a` and may take a `t`, and `now`.
inline llama::ToolContract contract_of(llama::ToolFormat format) {
  const auto parameters = parse_json(R"({"type":"object","properties":{"a":{"type":"integer"},
      "t":{"type":"string"}},"required":["a"],"additionalProperties":false})");
  const auto several = format.several;
  return {.format = std::move(format),
          .tools = {{.name = "add", .description = "Adds.", .parameters = parameters->as_object()},
                    {.name = "now", .description = "Tells the time.", .parameters = {}}},
          .several = several};
}

inline Completion taken(std::string text, const llama::ToolContract& contract,
                        FinishReason finish = FinishReason::stop) {
  Completion completion;
  completion.text = std::move(text);
  completion.finish = finish;
  llama::take_tool_calls(completion, contract, 1);
  return completion;
}

}  // namespace dspy::test
