// A byte that chooses how a model writes calls, and a reply: whatever it is, its calls are of tools that were offered
// or the error says what is wrong, and a stream tells the text that the whole reply has.

#include "llama/tools/tool_calls.hpp"

#include "dspy/base/error.hpp"
#include "dspy/llama/tool_contract.hpp"
#include "llama/tools/tool_call_holder.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using dspy::llama::ToolFormat;

const std::vector<ToolFormat>& formats() {
  static const std::vector<ToolFormat> all = {
      ToolFormat::tagged(),        ToolFormat::bare(),        ToolFormat::mistral(" "),
      ToolFormat::mistral_named(), ToolFormat::mistral_ids(), ToolFormat::deepseek(true),
      ToolFormat::command_r(),     ToolFormat::functionary(), ToolFormat::functionary_marked(),
      ToolFormat::gemma(),         ToolFormat::granite(),     ToolFormat::phi(),
      ToolFormat::kimi(),          ToolFormat::glm(),         ToolFormat::qwen_coder()};
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view reply(reinterpret_cast<const char*>(data + 1), size - 1);
  const dspy::JsonObject whole = {{"type", "integer"}};
  const dspy::llama::ToolContract contract = {
      .format = formats()[data[0] % formats().size()],
      .tools = {{.name = "add", .description = {}, .parameters = {{"type", "object"}, {"properties", {{"a", whole}}}}},
                {.name = "now", .description = {}, .parameters = {}}}};
  dspy::Completion completion;
  completion.text = reply;
  try {
    take_tool_calls(completion, contract, 1);
  } catch (const dspy::Error& error) {
    if (error.code() != dspy::Errc::parse_error) std::abort();
    return 0;
  }
  for (const auto& call : completion.tool_calls)
    if ((call.name != "add" && call.name != "now") || call.id.empty()) std::abort();

  std::string told;
  const auto tell = [&](std::string_view piece) { told += piece; };
  dspy::llama::ToolCallHolder holder(contract.format);
  const auto step = 1 + static_cast<std::size_t>(data[0] >> 4U);
  for (std::size_t at = 0; at < reply.size(); at += step) holder.push(reply.substr(at, step), tell);
  holder.finish(!completion.tool_calls.empty(), tell);
  if (told != completion.text) std::abort();
  return 0;
}
