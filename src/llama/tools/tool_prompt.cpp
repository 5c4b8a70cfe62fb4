#include "llama/tools/tool_prompt.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "llama/tools/element_arguments.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

bool is_tool_part(const Part& part) noexcept {
  return part.get<ToolCallPart>() != nullptr || part.get<ToolResultPart>() != nullptr;
}

std::string call_text(const ToolCallPart& call, const ToolFormat& format, std::size_t number) {
  const auto head = format.head(call.name);
  return head.first + (head.has_number ? std::to_string(number) : "") + head.second +
         (format.key_before.empty() ? to_text(Json(call.input)) : write_elements(call.input, format)) + format.tail();
}

std::string result_text(const ToolResultPart& result, const ToolFormat& format) {
  std::string content;
  for (const auto& part : result.content) {
    const auto* const text = part.get<TextPart>();
    if (text == nullptr) {
      throw Error(Errc::unsupported,
                  std::format("a result of the tool `{}` is not text, and this model reads text only; describe it, or "
                              "ask a model that takes it",
                              result.name));
    }
    content += text->text;
  }
  if (result.is_error) content.insert(0, "Error: ");
  return format.marker().empty() ? content : "<tool_response>\n" + content + "\n</tool_response>";
}

std::string description_of(const ToolContract& contract) {
  const auto& format = contract.format;
  std::string out = "You can call these tools:\n<tools>\n";
  for (const auto& tool : contract.tools) {
    JsonObject function = {{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}};
    out += to_text(JsonObject{{"type", "function"}, {"function", std::move(function)}}) + "\n";
  }
  const auto head = format.head("<name>");
  const auto arguments =
      format.key_before.empty() ? "{<arguments>}" : write_elements({{"<name>", "<value>"}}, format) + "...";
  out += std::format("</tools>\nTo call a tool, reply with\n{}{}{}{}{}{}{}\n", format.opening, head.first,
                     head.has_number ? "<number>" : "", head.second, arguments, format.tail(), format.closing);
  if (contract.required) {
    out +=
        contract.several ? "Reply with one or more calls and nothing else." : "Reply with one call and nothing else.";
  } else {
    out += contract.several ? "Call one or more tools if you need them, or answer."
                            : "Call one tool if you need it, or answer.";
  }
  return out;
}

/// The texts of a message's parts; results become turns of their own.
void add_as_text(std::vector<Message>& out, const Message& message, const ToolFormat& format, std::size_t& number) {
  std::vector<Part> kept;
  std::string calls;
  for (const auto& part : message.parts) {
    if (const auto* const call = part.get<ToolCallPart>()) {
      calls += calls.empty() ? format.opening : format.between;
      calls += call_text(*call, format, number++);
    } else if (const auto* const result = part.get<ToolResultPart>()) {
      auto text = result_text(*result, format);
      // But for bare objects, results that follow each other share a turn.
      const bool joins = !format.marker().empty() && !out.empty() && out.back().role == Role::tool;
      if (joins)
        out.back() = Message(Role::tool, out.back().text() + "\n" + text);
      else
        out.emplace_back(Role::tool, std::move(text));
    } else {
      kept.push_back(part);
    }
  }
  if (!calls.empty()) {
    const bool has_text = std::ranges::any_of(kept, [](const Part& part) {
      const auto* const text = part.get<TextPart>();
      return text != nullptr && !text->text.empty();
    });
    kept.emplace_back(TextPart{(has_text ? "\n" : "") + calls + format.closing});
  }
  if (!kept.empty()) out.emplace_back(message.role, std::move(kept));
}

}  // namespace

bool has_tool_parts(const Chat& chat) noexcept {
  return std::ranges::any_of(chat,
                             [](const Message& message) { return std::ranges::any_of(message.parts, is_tool_part); });
}

Chat with_tools_as_text(const Chat& chat, const ToolContract* contract, const ToolFormat& format) {
  std::vector<Message> out;
  out.reserve(chat.size() + 1);
  std::size_t number = 0;
  std::string description = contract != nullptr ? description_of(*contract) : std::string();
  for (const auto& message : chat) {
    const bool is_system = message.role == Role::system || message.role == Role::developer;
    if (is_system && !description.empty()) {
      auto more = message;
      more.parts.emplace_back(TextPart{"\n\n" + std::exchange(description, {})});
      out.push_back(std::move(more));
    } else if (std::ranges::any_of(message.parts, is_tool_part)) {
      add_as_text(out, message, format, number);
    } else {
      out.push_back(message);
    }
  }
  if (!description.empty()) out.insert(out.begin(), Message(Role::system, std::move(description)));
  return Chat(std::move(out));
}

}  // namespace dspy::llama
