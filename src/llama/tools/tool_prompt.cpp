#include "llama/tools/tool_prompt.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "llama/tools/element_arguments.hpp"
#include "llama/tools/python_arguments.hpp"

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

/// The call's number, or an id in its place.
std::string number_text(const ToolCallPart& call, const ToolFormat& format, std::size_t number) {
  if (format.id_size == 0) return std::to_string(number);
  const auto is_part = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (call.id.size() == format.id_size && std::ranges::all_of(call.id, is_part)) return call.id;
  return std::format("{:0>{}}", number, format.id_size);
}

std::string arguments_text(const JsonObject& arguments, const ToolFormat& format) {
  if (format.python) return write_python_arguments(arguments);
  return format.key_before.empty() ? to_text(Json(arguments)) : write_elements(arguments, format);
}

std::string call_text(const ToolCallPart& call, const ToolFormat& format, std::size_t number) {
  const auto head = format.head(call.name);
  return head.first + (head.has_number ? number_text(call, format, number) : "") + head.second +
         arguments_text(call.input, format) + format.tail();
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
  return format.marker().empty() ? content : format.result_before + content + format.result_after;
}

std::string description_of(const ToolContract& contract) {
  const auto& format = contract.format;
  std::string out = "You can call these tools:\n<tools>\n";
  for (const auto& tool : contract.tools) {
    JsonObject function = {{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}};
    out += to_text(JsonObject{{"type", "function"}, {"function", std::move(function)}}) + "\n";
  }
  const auto head = format.head("<name>");
  std::string arguments = "{<arguments>}";
  if (format.python) arguments = "<argument>=<value>, ...";
  if (!format.key_before.empty()) arguments = write_elements({{"<name>", "<value>"}}, format) + "...";
  const auto number = format.id_size == 0 ? std::string("<number>") : std::format("<id of {} letters>", format.id_size);
  out += std::format("</tools>\nTo call a tool, reply with\n{}{}{}{}{}{}{}\n", format.opening, head.first,
                     head.has_number ? number : "", head.second, arguments, format.tail(), format.closing);
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
