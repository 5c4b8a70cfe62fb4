#include "llama/chat/chat_values.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/part.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::llama {
namespace {

using jinja::Dict;
using jinja::List;
using jinja::Value;

struct Turn {
  std::string_view role = {};
  std::string content = {};
  std::string reasoning = {};
  List calls = {};
  const ToolResultPart* result = nullptr;
};

void set(Dict& dict, std::string name, Value value) {
  dict.members.emplace_back(Value::own(std::move(name)), std::move(value));
}

/// Nine letters and digits, others for other ids; one that has that form stays as it is.
std::string short_id(std::string_view id) {
  const auto is_part = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (id.size() == 9 && std::ranges::all_of(id, is_part)) return std::string(id);
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char byte : id) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
  constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string out;
  for (; out.size() < 9; hash /= letters.size()) out += letters[hash % letters.size()];
  return out;
}

std::string id_of(const std::string& id, const ChatForm& form) {
  return form.short_ids ? short_id(id) : id;
}

Value call_value(const ToolCallPart& call, const ChatForm& form) {
  Dict function;
  set(function, "name", Value::given(call.name));
  set(function, "arguments", Value::from(Json(call.input)));
  Dict out;
  set(out, "type", Value::own("function"));
  set(out, "id", Value::given(id_of(call.id, form)));
  set(out, "function", std::move(function));
  return out;
}

std::string result_text(const ToolResultPart& result) {
  std::string out = result.is_error ? "Error: " : "";
  for (const auto& part : result.content) {
    const auto* const text = part.get<TextPart>();
    if (text == nullptr)
      throw Error(Errc::unsupported,
                  std::format("a result of the tool `{}` is not text, and this model reads text only; describe it, or "
                              "ask a model that takes it",
                              result.name));
    out += text->text;
  }
  return out;
}

std::string_view role_name(Role role, const ChatForm& form) {
  if (role == Role::developer && !form.knows_developer) return "system";
  return to_string(role);
}

/// A message as turns: each result of a tool is one of its own.
void add_turns(std::vector<Turn>& out, const Message& message, std::size_t index, const ChatForm& form) {
  Turn turn{.role = role_name(message.role, form)};
  bool is_empty = true;
  for (const auto& part : message.parts) {
    if (const auto* const result = part.get<ToolResultPart>()) {
      out.push_back({.role = "tool", .content = result_text(*result), .reasoning = {}, .calls = {}, .result = result});
      continue;
    }
    is_empty = false;
    if (const auto* const text = part.get<TextPart>())
      turn.content += text->text;
    else if (const auto* const thoughts = part.get<ReasoningPart>())
      turn.reasoning += thoughts->text;
    else if (const auto* const call = part.get<ToolCallPart>())
      turn.calls.push_back(call_value(*call, form));
    else
      throw Error(Errc::unsupported,
                  std::format("message {} ({}) has a part that this model's chat template has no place for; write its "
                              "content as text, or ask a model that takes it",
                              index + 1, to_string(message.role)));
  }
  if (!is_empty || message.parts.empty()) out.push_back(std::move(turn));
}

void join_system(std::vector<Turn>& turns) {
  std::vector<Turn> out;
  std::string waiting;
  for (auto& turn : turns) {
    if (turn.role == "system" || turn.role == "developer") {
      (waiting += turn.content) += "\n\n";
      continue;
    }
    if (turn.role == "user") {
      turn.content.insert(0, waiting);
      waiting.clear();
    }
    out.push_back(std::move(turn));
  }
  if (!waiting.empty()) {
    waiting.resize(waiting.size() - 2);
    out.push_back({.role = "user", .content = std::move(waiting), .reasoning = {}, .calls = {}});
  }
  turns = std::move(out);
}

void merge(std::vector<Turn>& turns) {
  std::vector<Turn> out;
  for (auto& turn : turns) {
    const bool joins = !out.empty() && out.back().role == turn.role && turn.role != "tool" && out.back().calls.empty();
    if (!joins) {
      out.push_back(std::move(turn));
      continue;
    }
    auto& before = out.back();
    if (!before.content.empty() && !turn.content.empty()) before.content += "\n\n";
    before.content += turn.content;
    before.reasoning += turn.reasoning;
    before.calls = std::move(turn.calls);
  }
  turns = std::move(out);
}

}  // namespace

Value messages_value(const Chat& chat, const ChatForm& form) {
  std::vector<Turn> turns;
  std::size_t index = 0;
  for (const auto& message : chat) add_turns(turns, message, index++, form);
  if (form.joins_system) join_system(turns);
  if (form.merges_turns) merge(turns);
  List out;
  out.reserve(turns.size());
  for (auto& turn : turns) {
    Dict message;
    set(message, "role", Value::own(std::string(turn.role)));
    set(message, "content", Value::given(std::move(turn.content)));
    if (!turn.reasoning.empty()) set(message, "reasoning_content", Value::given(std::move(turn.reasoning)));
    if (!turn.calls.empty()) set(message, "tool_calls", std::move(turn.calls));
    if (turn.result != nullptr) {
      set(message, "name", Value::given(turn.result->name));
      set(message, "tool_call_id", Value::given(id_of(turn.result->id, form)));
    }
    out.emplace_back(std::move(message));
  }
  return out;
}

Value tools_value(const std::vector<ToolDefinition>& tools) {
  List out;
  for (const auto& tool : tools) {
    Dict function;
    set(function, "name", Value::given(tool.name));
    set(function, "description", Value::given(tool.description));
    const JsonObject empty = {{"type", "object"}, {"properties", JsonObject()}};
    set(function, "parameters", Value::from(Json(tool.parameters.empty() ? empty : tool.parameters)));
    Dict entry;
    set(entry, "type", Value::own("function"));
    set(entry, "function", std::move(function));
    out.emplace_back(std::move(entry));
  }
  return out;
}

}  // namespace dspy::llama
