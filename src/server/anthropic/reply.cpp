#include "dspy/server/routes.hpp"
#include "server/anthropic/anthropic.hpp"
#include "server/protocols/common.hpp"
#include "server/traced_error.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace dspy::server::anthropic {
namespace {

JsonObject message_of(const Asked& asked, const Stamp& stamp) {
  return {{"id", "msg_" + stamp.id}, {"type", "message"},      {"role", "assistant"},     {"model", asked.model},
          {"content", JsonArray()},  {"stop_reason", nullptr}, {"stop_sequence", nullptr}};
}

JsonObject call_block(const ToolCallPart& call, JsonObject input) {
  return {{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", std::move(input)}};
}

/// What the model said, a refusal included: Anthropic's have no place of their own.
std::string text_of(const Completion& completion) {
  return completion.text.empty() ? completion.refusal : completion.text;
}

class MessageStream final : public ReplyWriter {
 public:
  MessageStream(Asked asked, Stamp stamp) : asked_(std::move(asked)), stamp_(std::move(stamp)) {}

  std::string begin(const Usage& usage) override {
    auto message = message_of(asked_, stamp_);
    // Clients want the member; what is not known yet comes at the end.
    auto known = usage_of(usage);
    message["usage"] = known.is_null() ? Json(JsonObject()) : std::move(known);
    return event_of("message_start", {{"message", std::move(message)}});
  }

  std::string event(const StreamEvent& event) override {
    if (event.text.empty()) return {};
    if (event.kind == StreamEvent::Kind::text) return text(event.text);
    if (event.kind == StreamEvent::Kind::reasoning && text_.text().empty()) return thoughts(event.text);
    return {};
  }

  std::string finish(const Reply& reply) override {
    const auto& completion = reply.completion();
    std::string out;
    // Thoughts that arrive after the answer has started are placed after it.
    const auto late = reasoning_.rest_of(completion.reasoning);
    const bool is_late = !text_.text().empty();
    if (!late.empty() && !is_late) out += thoughts(late);
    const auto said = text_of(completion);
    if (const auto rest = text_.rest_of(said); !rest.empty()) out += text(rest);
    out += close();
    if (!late.empty() && is_late) {
      out += thoughts(late);
      out += close();
    }
    for (const auto& call : completion.tool_calls) {
      out += open(call_block(call, {}));
      out += delta({{"type", "input_json_delta"}, {"partial_json", to_text(call.input)}});
      out += close();
    }
    JsonObject end{{"delta", JsonObject{{"stop_reason", stop_reason_of(completion)}, {"stop_sequence", nullptr}}}};
    auto usage = usage_of(reply.usage);
    end["usage"] = usage.is_null() ? Json(JsonObject()) : std::move(usage);
    if (auto told = remarks(reply, stamp_); !told.empty()) end["dspy"] = std::move(told);
    return out + event_of("message_delta", std::move(end)) + event_of("message_stop", {});
  }

  std::string fail(const Error& error) override {
    return sse("error", error_body(error, status_of(error)).get_object());
  }

 private:
  static std::string event_of(std::string_view type, JsonObject members) {
    JsonObject data{{"type", type}};
    for (auto& [name, value] : members) data[name] = std::move(value);
    return sse(type, data);
  }

  std::string open(JsonObject block) {
    is_open_ = true;
    return event_of("content_block_start", {{"index", index_}, {"content_block", std::move(block)}});
  }

  std::string delta(JsonObject what) const {
    return event_of("content_block_delta", {{"index", index_}, {"delta", std::move(what)}});
  }

  std::string close() {
    if (!is_open_) return {};
    is_open_ = false;
    std::string out;
    if (is_thinking_) out = delta({{"type", "signature_delta"}, {"signature", ""}});
    is_thinking_ = false;
    return out + event_of("content_block_stop", {{"index", index_++}});
  }

  std::string thoughts(std::string_view piece) {
    std::string out;
    if (!is_thinking_) out = open({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
    is_thinking_ = true;
    reasoning_.add(piece);
    return out + delta({{"type", "thinking_delta"}, {"thinking", piece}});
  }

  std::string text(std::string_view piece) {
    std::string out;
    if (is_thinking_) out = close();
    if (!is_open_) out += open({{"type", "text"}, {"text", ""}});
    text_.add(piece);
    return out + delta({{"type", "text_delta"}, {"text", piece}});
  }

  Asked asked_;
  Stamp stamp_;
  Said text_, reasoning_;
  std::size_t index_ = 0;
  bool is_open_ = false;
  bool is_thinking_ = false;
};

std::string_view type_of(const Error& error, int status) {
  if (error.code() == Errc::token_budget_exhausted) return "billing_error";
  switch (status) {
    case 401: return "authentication_error";
    case 402: return "billing_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    case 504: return "timeout_error";
    default: return status < 500 ? "invalid_request_error" : "api_error";
  }
}

}  // namespace

std::string_view stop_reason_of(const Completion& completion) {
  if (!completion.refusal.empty()) return "refusal";
  switch (completion.finish) {
    case FinishReason::stop: return completion.tool_calls.empty() ? "end_turn" : "tool_use";
    case FinishReason::length: return "max_tokens";
    case FinishReason::tool_calls: return "tool_use";
    case FinishReason::content_filter: return "refusal";
    case FinishReason::error: break;
  }
  throw Error(Errc::stream_broken, "the model failed while it wrote the reply; ask again");
}

Json usage_of(const Usage& usage) {
  if (!usage.prompt_tokens && !usage.completion_tokens) return nullptr;
  JsonObject out;
  const auto read = usage.cache_read_tokens.value_or(0);
  const auto written = usage.cache_write_tokens.value_or(0);
  if (usage.prompt_tokens) out["input_tokens"] = *usage.prompt_tokens - std::min(*usage.prompt_tokens, read + written);
  if (usage.cache_read_tokens) out["cache_read_input_tokens"] = read;
  if (usage.cache_write_tokens) out["cache_creation_input_tokens"] = written;
  if (usage.completion_tokens) out["output_tokens"] = *usage.completion_tokens;
  if (const auto cost = dollars(usage)) out["cost"] = *cost;
  return out;
}

Json error_body(const Error& error, int status) {
  JsonObject body{{"type", type_of(error, status)}, {"message", error.what()}};
  tell_trace(body, error);
  return JsonObject{{"type", "error"}, {"error", std::move(body)}};
}

JsonObject write_message(const Reply& reply, const Asked& asked, const Stamp& stamp) {
  const auto& completion = reply.completion();
  auto out = message_of(asked, stamp);
  auto& content = out["content"].get_array();
  if (!completion.reasoning.empty())
    content.push_back(JsonObject{{"type", "thinking"}, {"thinking", completion.reasoning}, {"signature", ""}});
  if (const auto text = text_of(completion); !text.empty())
    content.push_back(JsonObject{{"type", "text"}, {"text", text}});
  for (const auto& call : completion.tool_calls) content.push_back(call_block(call, call.input));
  out["stop_reason"] = stop_reason_of(completion);
  out["usage"] = usage_of(reply.usage);
  if (auto told = remarks(reply, stamp); !told.empty()) out["dspy"] = std::move(told);
  return out;
}

std::unique_ptr<ReplyWriter> stream_messages(const Asked& asked, const Stamp& stamp) {
  return std::make_unique<MessageStream>(asked, stamp);
}

}  // namespace dspy::server::anthropic
