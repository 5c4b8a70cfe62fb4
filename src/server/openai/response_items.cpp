#include "server/openai/response_items.hpp"

#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"

#include <format>
#include <utility>

namespace dspy::server::openai {

JsonObject reasoning_item(const Stamp& stamp, std::string_view text) {
  JsonArray content;
  if (!text.empty()) content.push_back(JsonObject{{"type", "reasoning_text"}, {"text", text}});
  return {{"type", "reasoning"}, {"id", "rs_" + stamp.id}, {"summary", JsonArray()}, {"content", std::move(content)}};
}

JsonObject text_part(std::string_view text, JsonArray logprobs) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", JsonArray()}, {"logprobs", std::move(logprobs)}};
}

JsonObject refusal_part(std::string_view text) {
  return {{"type", "refusal"}, {"refusal", text}};
}

JsonObject message_item(const Stamp& stamp, JsonArray content, std::string_view status) {
  return {{"type", "message"},
          {"id", "msg_" + stamp.id},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

JsonObject call_item(const Stamp& stamp, std::size_t number, const ToolCallPart& call, std::string_view arguments,
                     std::string_view status) {
  return {{"type", "function_call"}, {"id", std::format("fc_{}_{}", stamp.id, number)},
          {"call_id", call.id},      {"name", call.name},
          {"arguments", arguments},  {"status", status}};
}

std::string_view status_of(const Completion& completion) {
  switch (completion.finish) {
    case FinishReason::stop:
    case FinishReason::tool_calls: return "completed";
    case FinishReason::length:
    case FinishReason::content_filter: return "incomplete";
    case FinishReason::error: break;
  }
  return "failed";
}

JsonObject begun_response(const Asked& asked, const Stamp& stamp, std::string_view status) {
  JsonObject out{{"id", "resp_" + stamp.id}, {"object", "response"}, {"created_at", stamp.time},
                 {"status", status},         {"error", nullptr},     {"incomplete_details", nullptr},
                 {"model", asked.model},     {"output", JsonArray()}};
  for (const auto& member : asked.echoed) out[member.key()] = member.value();
  out["usage"] = nullptr;
  return out;
}

JsonArray items_of(const Completion& completion, const Asked& asked, const Stamp& stamp, bool message_first) {
  JsonArray out;
  const std::string_view status = status_of(completion) == "completed" ? "completed" : "incomplete";
  const auto add_thoughts = [&] {
    if (!completion.reasoning.empty()) out.push_back(reasoning_item(stamp, completion.reasoning));
  };
  if (!message_first) add_thoughts();
  JsonArray content;
  if (!completion.text.empty() || (completion.tool_calls.empty() && completion.refusal.empty()))
    content.push_back(
        text_part(completion.text, asked.request.sampling.logprobs ? logprobs_of(completion.logprobs) : JsonArray()));
  if (!completion.refusal.empty()) content.push_back(refusal_part(completion.refusal));
  if (!content.empty()) out.push_back(message_item(stamp, std::move(content), status));
  if (message_first) add_thoughts();
  for (std::size_t i = 0; i < completion.tool_calls.size(); ++i) {
    const auto& call = completion.tool_calls[i];
    out.push_back(call_item(stamp, i, call, to_text(call.input), status));
  }
  return out;
}

JsonObject write_response(const Reply& reply, const Asked& asked, const Stamp& stamp) {
  return whole_response(reply, asked, stamp, false);
}

JsonObject whole_response(const Reply& reply, const Asked& asked, const Stamp& stamp, bool message_first) {
  const auto& completion = reply.completion();
  auto out = begun_response(asked, stamp, status_of(completion));
  if (completion.finish == FinishReason::length)
    out["incomplete_details"] = JsonObject{{"reason", "max_output_tokens"}};
  if (completion.finish == FinishReason::content_filter)
    out["incomplete_details"] = JsonObject{{"reason", "content_filter"}};
  if (completion.finish == FinishReason::error)
    out["error"] = JsonObject{{"code", "server_error"}, {"message", "the model failed while it wrote the reply"}};
  out["output"] = items_of(completion, asked, stamp, message_first);
  const auto& usage = reply.usage;
  if (usage.prompt_tokens && usage.completion_tokens) {
    JsonObject counts{{"input_tokens", *usage.prompt_tokens},
                      {"output_tokens", *usage.completion_tokens},
                      {"total_tokens", *usage.total_tokens()}};
    // The details are always present, since the SDKs require them; unknown counts are not.
    auto& input = counts["input_tokens_details"].emplace_object();
    if (usage.cache_read_tokens) input["cached_tokens"] = *usage.cache_read_tokens;
    auto& output = counts["output_tokens_details"].emplace_object();
    if (usage.reasoning_tokens) output["reasoning_tokens"] = *usage.reasoning_tokens;
    if (const auto cost = dollars(usage)) counts["cost"] = *cost;
    out["usage"] = std::move(counts);
  }
  if (auto told = remarks(reply, stamp); !told.empty()) out["dspy"] = std::move(told);
  return out;
}

}  // namespace dspy::server::openai
