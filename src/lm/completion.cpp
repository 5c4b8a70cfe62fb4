#include "dspy/lm/completion.hpp"

#include "dspy/base/error.hpp"

#include <array>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {

std::optional<double> Completion::probability(std::string_view field) const {
  double sum = 0;
  bool found = false;
  for (const auto& token : logprobs) {
    if (token.field != field || field.empty()) continue;
    sum += token.logprob;
    found = true;
  }
  if (!found) return std::nullopt;
  return std::exp(sum);
}

Completion to_completion(Message message) {
  Completion out;
  out.continuation = message.continuation;
  for (const auto& part : message.parts) {
    if (const auto* const text = part.get<TextPart>()) out.text += text->text;
    if (const auto* const thoughts = part.get<ReasoningPart>()) out.reasoning += thoughts->text;
    if (const auto* const refusal = part.get<RefusalPart>()) out.refusal += refusal->text;
    if (const auto* const call = part.get<ToolCallPart>()) out.tool_calls.push_back(*call);
    if (const auto* const citation = part.get<CitationPart>()) out.citations.push_back(*citation);
    if (const auto* const data = part.get<DataPart>(); data != nullptr && !out.data) out.data = *data;
  }
  if (to_message(out) != message) out.parts = std::move(message.parts);
  return out;
}

Message to_message(const Completion& completion) {
  Message out(Role::assistant, completion.parts);
  out.continuation = completion.continuation;
  if (!out.parts.empty()) return out;
  if (!completion.reasoning.empty()) out.parts.emplace_back(ReasoningPart{completion.reasoning});
  if (!completion.text.empty()) out.parts.emplace_back(TextPart{completion.text});
  if (!completion.refusal.empty()) out.parts.emplace_back(RefusalPart{completion.refusal});
  for (const auto& citation : completion.citations) out.parts.emplace_back(citation);
  if (completion.data) out.parts.emplace_back(*completion.data);
  for (const auto& call : completion.tool_calls) out.parts.emplace_back(call);
  return out;
}

std::string_view to_string(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::stop: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::tool_calls: return "tool_calls";
    case FinishReason::content_filter: return "content_filter";
    case FinishReason::error: return "error";
  }
  std::unreachable();
}

FinishReason finish_reason(std::string_view name) {
  using enum FinishReason;
  for (const auto reason : {stop, length, tool_calls, content_filter, error})
    if (to_string(reason) == name) return reason;
  throw Error(Errc::config_error, std::format("`{}` is not a finish reason; there are `stop`, `length`, `tool_calls`, "
                                              "`content_filter` and `error`",
                                              name));
}

}  // namespace dspy
