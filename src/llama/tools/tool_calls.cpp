#include "llama/tools/tool_calls.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

constexpr std::string_view opening = "<tool_call>";
constexpr std::string_view closing = "</tool_call>";
constexpr std::string_view spaces = " \t\r\n";

[[noreturn]] void refuse(const Completion& completion, std::string_view call, std::string_view why) {
  throw Error(Errc::parse_error,
              std::format("the model's tool call `{}` cannot be read: {}; ask again, or hold the model to its tools "
                          "(constrain=on)",
                          call, why),
              {.raw = completion.text});
}

ToolCallPart call_of(const Completion& completion, std::string_view text, const ToolContract& contract) {
  const auto json = parse_json(text);
  if (!json) refuse(completion, text, json.error().message);
  const auto* const object = json->if_object();
  if (object == nullptr) refuse(completion, text, "it is not an object");
  const auto* const name = object->if_contains("name");
  if (name == nullptr || !name->is_string()) refuse(completion, text, "it has no `name`");
  const auto* input = object->if_contains(contract.format.arguments_key);
  if (input == nullptr) input = object->if_contains("arguments");
  if (input == nullptr || !input->is_object())
    refuse(completion, text, std::format("it has no object `{}`", contract.format.arguments_key));
  const auto tool = view(name->get_string());
  if (!std::ranges::contains(contract.tools, tool, &ToolDefinition::name))
    refuse(completion, text, std::format("there is no tool `{}` among those offered", tool));
  return {.id = {}, .name = std::string(tool), .input = input->get_object()};
}

/// Where calls begin, if there are any.
std::optional<std::size_t> calls_begin(std::string_view text, const ToolContract& contract) {
  if (!contract.format.before.empty()) {
    const auto at = text.find(opening);
    return at == std::string_view::npos ? std::nullopt : std::optional(at);
  }
  const auto at = text.find_first_not_of(spaces);
  if (at == std::string_view::npos || text[at] != '{') return std::nullopt;
  // An answer may be an object too.
  const auto json = parse_json(text::trim(text));
  const auto* const object = json ? json->if_object() : nullptr;
  const bool is_call = object != nullptr && object->contains("name") && object->contains(contract.format.arguments_key);
  return is_call || contract.required ? std::optional(at) : std::nullopt;
}

}  // namespace

void ToolCallHolder::push(std::string_view text, const std::function<void(std::string_view)>& sink) {
  held_ += text;
  if (in_call_) return;
  if (format_->before.empty()) {
    const auto first = held_.find_first_not_of(spaces);
    if (!begun_ && first == std::string::npos) return;
    in_call_ = !begun_ && held_[first] == '{';
    begun_ = true;
    if (!in_call_) sink(std::exchange(held_, {}));
    return;
  }
  if (const auto at = held_.find(opening); at != std::string::npos) {
    in_call_ = true;
    if (const auto before = text::trim_end(std::string_view(held_).substr(0, at)); !before.empty()) sink(before);
    return;
  }
  // What may be the start of the tag waits, with the white space before it.
  auto tag = std::min(held_.size(), opening.size() - 1);
  while (!opening.starts_with(std::string_view(held_).substr(held_.size() - tag))) --tag;
  const auto ready = text::trim_end(std::string_view(held_).substr(0, held_.size() - tag)).size();
  if (ready == 0) return;
  sink(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
}

void ToolCallHolder::finish(bool has_calls, const std::function<void(std::string_view)>& sink) {
  if (!has_calls && !held_.empty()) sink(held_);
  held_.clear();
}

void take_tool_calls(Completion& completion, const ToolContract& contract, std::size_t first) {
  const std::string_view text = completion.text;
  const auto begin = calls_begin(text, contract);
  if (!begin) {
    if (contract.required && completion.finish == FinishReason::stop)
      refuse(completion, text, "a call was required and the reply has none");
    return;
  }
  std::vector<ToolCallPart> calls;
  auto rest = text.substr(*begin);
  if (contract.format.before.empty()) {
    calls.push_back(call_of(completion, text::trim(rest), contract));
    rest = {};
  }
  while (rest.starts_with(opening)) {
    const auto end = rest.find(closing);
    const bool is_cut = completion.finish == FinishReason::length;
    if (end == std::string_view::npos && is_cut)
      refuse(completion, rest, "it was cut at the limit of tokens; raise max_tokens");
    const auto inside = rest.substr(opening.size(), std::min(end, rest.size()) - opening.size());
    calls.push_back(call_of(completion, text::trim(inside), contract));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + closing.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(spaces), rest.size()));
  }
  if (!rest.empty()) refuse(completion, rest, "there is text after the calls");
  for (auto& call : calls) call.id = std::format("call_{}", first++);
  completion.tool_calls = std::move(calls);
  completion.text.resize(text::trim_end(text.substr(0, *begin)).size());
  completion.finish = FinishReason::tool_calls;
  std::erase_if(completion.resume_points,
                [&](const ResumePoint& point) { return point.offset >= completion.text.size(); });
}

void tell_tool_calls(const Completion& completion, const Usage& usage, const EventSink& sink) {
  auto index = std::size_t{completion.text.empty() ? 0U : 1U};
  for (const auto& call : completion.tool_calls) {
    const Part part(call);
    const auto input = to_text(Json(call.input));
    sink({.kind = StreamEvent::Kind::tool_call, .text = input, .usage = usage, .part_index = index++, .part = &part});
  }
}

}  // namespace dspy::llama
