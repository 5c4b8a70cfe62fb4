#include "llama/tools/chat_request.hpp"

#include "dspy/base/text.hpp"
#include "llama/thoughts.hpp"
#include "llama/tools/tool_prompt.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {
namespace {

constexpr std::string_view opening = "<think>";
constexpr std::string_view no_thoughts = "<think>\n\n</think>\n\n";

std::string take_opened_thoughts(std::vector<PromptPart>& prompt) {
  auto& last = prompt.back().text;
  const auto end = text::trim_end(last).size();
  if (!std::string_view(last).substr(0, end).ends_with(opening)) return {};
  auto opened = last.substr(end - opening.size());
  last.resize(end - opening.size());
  if (last.empty()) prompt.pop_back();
  return opened;
}

}  // namespace

WrittenChat written_for(const ChatTemplate& chat_template, const Chat& chat, const ToolContract* contract,
                        const ToolFormat& format, const ReasoningOptions& reasoning) {
  WrittenChat out;
  if (reasoning.effort) {
    const bool is_off = *reasoning.effort == ReasoningOptions::Effort::off;
    out.options.thinks = !is_off;
    if (!is_off) out.options.variables["reasoning_effort"] = to_string(*reasoning.effort);
  }
  const bool has_tools = contract != nullptr || has_tool_parts(chat);
  const auto abilities = chat_template.abilities();
  out.native_tools = has_tools && format.native && abilities.tools && abilities.tool_calls;
  if (has_tools && !out.native_tools) {
    out.chat = with_tools_as_text(chat, contract, format);
    return out;
  }
  out.chat = chat;
  if (contract != nullptr) out.options.tools = contract->tools;
  return out;
}

std::string take_opened(std::vector<PromptPart>& prompt, const ToolFormat& format, bool has_tools) {
  // A control token cannot be written as the beginning of a reply, which is text.
  if (prompt.empty() || prompt.back().control) return {};
  const std::string_view mark = format.text_mark;
  if (mark.empty() || !prompt.back().text.ends_with(format.before)) return take_opened_thoughts(prompt);
  if (!has_tools) {
    prompt.back().text += mark.substr(format.before.size());
    return {};
  }
  prompt.back().text.resize(prompt.back().text.size() - format.before.size());
  if (prompt.back().text.empty()) prompt.pop_back();
  return format.before;
}

std::string begin_of_reply(const std::string& opened, const Prefill& prefill, bool may_think,
                           const ToolFormat& format) {
  if (!opened.empty() && opened == format.before && prefill.reasoning.empty())
    return prefill.text.empty() ? opened : format.text_mark + prefill.text;
  if (opened.empty() || !prefill.reasoning.empty()) return joined(prefill);
  if (!may_think || !prefill.text.empty()) return std::string(no_thoughts) + prefill.text;
  return opened;
}

}  // namespace dspy::llama
