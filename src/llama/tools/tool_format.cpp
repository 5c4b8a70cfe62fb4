#include "dspy/base/json.hpp"
#include "dspy/llama/tool_contract.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

ToolFormat ToolFormat::tagged() {
  return {.before = "<tool_call>\n", .after = "\n</tool_call>"};
}

ToolFormat ToolFormat::bare() {
  return {.arguments_key = "parameters", .several = false};
}

ToolFormat ToolFormat::mistral(std::string_view gap) {
  return {.opening = std::format("[TOOL_CALLS]{}[", gap), .between = ", ", .closing = "]"};
}

ToolFormat ToolFormat::mistral_named() {
  return {.before = "[TOOL_CALLS]", .between = "", .after_name = "[ARGS]"};
}

ToolFormat ToolFormat::mistral_ids() {
  auto out = mistral_named();
  out.before_number = "[CALL_ID]";
  out.id_size = 9;
  return out;
}

ToolFormat ToolFormat::deepseek(bool is_fenced) {
  ToolFormat out{.opening = "<｜tool▁calls▁begin｜>",
                 .before = "<｜tool▁call▁begin｜>",
                 .after = "<｜tool▁call▁end｜>",
                 .between = "",
                 .closing = "<｜tool▁calls▁end｜>",
                 .after_name = "<｜tool▁sep｜>"};
  if (!is_fenced) return out;
  out.before += "function<｜tool▁sep｜>";
  out.after_name = "\n```json\n";
  out.after.insert(0, "\n```");
  out.between = "\n";
  return out;
}

ToolFormat ToolFormat::command_r() {
  return {.opening = "<|START_ACTION|>[\n    ",
          .between = ",\n    ",
          .closing = "\n]<|END_ACTION|>",
          .name_key = "tool_name",
          .arguments_key = "parameters",
          .number_key = "tool_call_id"};
}

ToolFormat ToolFormat::functionary() {
  return {.before = "<function=", .after = "</function>", .between = "", .after_name = ">"};
}

ToolFormat ToolFormat::functionary_marked() {
  return {.before = ">>>", .between = "", .after_name = "\n", .text_mark = ">>>all\n"};
}

ToolFormat ToolFormat::granite() {
  return {.opening = "<|tool_call|>[", .between = ", ", .closing = "]"};
}

ToolFormat ToolFormat::phi() {
  return {.opening = "<|tool_call|>[", .between = ", ", .closing = "]<|/tool_call|>"};
}

ToolFormat ToolFormat::kimi() {
  return {.opening = "<|tool_calls_section_begin|>",
          .before = "<|tool_call_begin|>functions.",
          .after = "<|tool_call_end|>",
          .between = "",
          .closing = "<|tool_calls_section_end|>",
          .after_name = "<|tool_call_argument_begin|>",
          .before_number = ":"};
}

ToolFormat ToolFormat::glm() {
  return {.before = "<tool_call>",
          .after = "</tool_call>",
          .after_name = "\n",
          .key_before = "<arg_key>",
          .key_after = "</arg_key>\n<arg_value>",
          .value_after = "</arg_value>\n"};
}

ToolFormat ToolFormat::qwen_coder() {
  return {.before = "<tool_call>\n<function=",
          .after = "</function>\n</tool_call>",
          .after_name = ">\n",
          .key_before = "<parameter=",
          .key_after = ">\n",
          .value_after = "\n</parameter>\n"};
}

ToolFormat ToolFormat::gemma() {
  return {.opening = "```tool_code\n",
          .after = ")",
          .closing = "\n```",
          .arguments_key = "parameters",
          .after_name = "(",
          .python = true,
          .result_before = "```tool_output\n",
          .result_after = "\n```",
          .native = false};
}

ToolFormat ToolFormat::recognise(std::string_view jinja) {
  const bool is_tagged = jinja.contains("<tool_call>");
  if (is_tagged && jinja.contains("<arg_key>") && jinja.contains("<arg_value>")) return glm();
  if (is_tagged && jinja.contains("<function=") && jinja.contains("<parameter=")) return qwen_coder();
  const bool has_elements = jinja.contains("<parameter=") || jinja.contains("<arg_key>");
  if (is_tagged && !has_elements && !jinja.contains("<function=")) return tagged();
  if (!is_tagged && !has_elements) {
    if (jinja.contains("<|tool_calls_section_begin|>")) return kimi();
    if (jinja.contains("<｜tool▁calls▁begin｜>")) return deepseek(jinja.contains("```json"));
    if (jinja.contains("<|START_ACTION|>")) return command_r();
    if (jinja.contains("<|tool|>") && jinja.contains("<|/tool|>")) return phi();
    if (jinja.contains("<|tool_call|>")) return granite();
    if (jinja.contains("[TOOL_CALLS]")) {
      if (jinja.contains("[ARGS]")) return jinja.contains("[CALL_ID]") ? mistral_ids() : mistral_named();
      return mistral(jinja.contains("[TOOL_CALLS] ") ? " " : "");
    }
    if (jinja.contains(">>>all")) return functionary_marked();
    if (jinja.contains("<function=") && jinja.contains("</function>")) return functionary();
    if (jinja.contains("<|start_header_id|>") && jinja.contains("parameters")) return bare();
    if (jinja.contains("<start_of_turn>") && !jinja.contains("function_call>")) return gemma();
  }
  auto format = tagged();
  format.native = false;
  return format;
}

std::string_view ToolFormat::marker() const noexcept {
  const std::string_view first = opening.empty() ? before : opening;
  const auto inside = first.find_first_not_of('>');
  return first.substr(0, std::min(first.find_first_of(">]=", inside), first.size() - 1) + 1);
}

std::vector<std::string> ToolFormat::markers() const {
  std::vector<std::string> out;
  for (const std::string_view text :
       {std::string_view(opening), std::string_view(before), std::string_view(before_number),
        std::string_view(after_name), std::string_view(after), std::string_view(closing)}) {
    for (std::size_t at = 0; (at = text.find_first_of("<[", at)) != text.npos;) {
      const auto end = text.find(text[at] == '<' ? '>' : ']', at);
      if (end == text.npos) break;
      // A list's bracket begins no marker.
      const bool is_marker = text[at] == '<' || (text[at + 1] >= 'A' && text[at + 1] <= 'Z');
      auto found = std::string(text.substr(at, end + 1 - at));
      if (is_marker && !std::ranges::contains(out, found)) out.push_back(std::move(found));
      at = is_marker ? end + 1 : at + 1;
    }
  }
  return out;
}

ToolFormat::Head ToolFormat::head(std::string_view name) const {
  const auto quoted = [](std::string_view text) { return to_text(Json(text)); };
  if (!after_name.empty()) {
    auto first = before + std::string(name);
    if (before_number.empty()) return {.first = std::move(first) + after_name};
    return {.first = std::move(first) + before_number, .second = after_name, .has_number = true};
  }
  const auto named = std::format("{}: {}, {}: ", quoted(name_key), quoted(name), quoted(arguments_key));
  if (number_key.empty()) return {.first = before + "{" + named};
  return {.first = std::format("{}{{{}: \"", before, quoted(number_key)), .second = "\", " + named, .has_number = true};
}

std::string ToolFormat::tail() const {
  return (after_name.empty() ? "}" : "") + after;
}

}  // namespace dspy::llama
