#include "mock_provider/dialect.hpp"

#include <format>

namespace dspy::mock {
namespace {

Question read(const Request& /*request*/, const JsonObject& body) {
  Question out{.model = string_in(body, "model"), .is_stream = flag_in(body, "stream")};
  out.most_tokens = count_in(body, "max_tokens");
  hear(out, "system", text_of(schema_in(body, "system")));
  for (const auto* const place : {"output_config", "output_format"}) {
    const auto* config = object_in(body, place);
    if (config != nullptr && config->contains("format")) config = object_in(*config, "format");
    if (config != nullptr && config->contains("schema")) out.schema = schema_in(*config, "schema");
  }
  if (const auto* const messages = array_in(body, "messages")) {
    for (const auto& message : *messages) {
      if (!message.is_object()) continue;
      const auto content = schema_in(message.get_object(), "content");
      bool has_results = false;
      if (content.is_array()) {
        for (const auto& block : content.get_array())
          has_results = has_results || (block.is_object() && string_in(block.get_object(), "type") == "tool_result");
      }
      hear(out, has_results ? "tool" : string_in(message.get_object(), "role"), text_of(content));
      out.has_tool_results = out.has_tool_results || has_results;
    }
  }
  if (const auto* const tools = array_in(body, "tools")) {
    for (const auto& tool : *tools) {
      if (!tool.is_object()) continue;
      out.tools.push_back(
          {.name = string_in(tool.get_object(), "name"), .parameters = schema_in(tool.get_object(), "input_schema")});
    }
  }
  if (const auto* const choice = object_in(body, "tool_choice")) {
    out.must_call = string_in(*choice, "type") == "any";
    if (string_in(*choice, "type") == "tool") out.must_call_this = string_in(*choice, "name");
  }
  return out;
}

/// Without what was read from or written to a cache, as Anthropic counts.
JsonObject usage(const Answer& answer, std::int64_t output) {
  return {{"input_tokens", answer.input_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", 0},
          {"output_tokens", output},
          {"service_tier", "standard"}};
}

std::string_view reason(const Answer& answer) {
  if (answer.finish == "length") return "max_tokens";
  if (answer.finish == "tool_calls") return "tool_use";
  if (answer.finish == "content_filter" || answer.finish == "refusal") return "refusal";
  return "end_turn";
}

Json input_of(const ToolCall& call) {
  const auto read = parse_json(call.arguments);
  return read ? *read : Json(JsonObject());
}

JsonObject message(const Question& question) {
  return {{"id", std::format("msg_mock_{}", question.number)},
          {"type", "message"},
          {"role", "assistant"},
          {"model", question.model},
          {"content", JsonArray()},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr}};
}

std::string whole(const Question& question, const Answer& answer, const Wishes& wishes) {
  auto body = message(question);
  auto& content = body["content"].get_array();
  if (!answer.reasoning.empty())
    content.push_back(
        JsonObject{{"type", "thinking"}, {"thinking", answer.reasoning}, {"signature", "mock-signature"}});
  if (!answer.text.empty()) content.push_back(JsonObject{{"type", "text"}, {"text", answer.text}});
  for (const auto& call : answer.calls) {
    content.push_back(
        JsonObject{{"type", "tool_use"}, {"id", "toolu_" + call.id}, {"name", call.name}, {"input", input_of(call)}});
  }
  body["stop_reason"] = reason(answer);
  if (!wishes.no_usage) body["usage"] = usage(answer, answer.output_tokens);
  return to_text(body);
}

class Events {
 public:
  Events(Written& out, std::size_t delta_bytes) : out_(out), delta_bytes_(delta_bytes) {}

  void add(std::string_view type, JsonObject members) {
    JsonObject data{{"type", type}};
    for (auto& [name, value] : members) data[name] = std::move(value);
    out_.parts.push_back(event(type, data));
  }

  void block(JsonObject begun, std::string_view kind, std::string_view member, std::string_view text) {
    add("content_block_start", {{"index", index_}, {"content_block", std::move(begun)}});
    for (const auto& piece : deltas(text, delta_bytes_)) delta(kind, member, piece);
    if (kind == "thinking_delta") delta("signature_delta", "signature", "mock-signature");
    add("content_block_stop", {{"index", index_++}});
  }

 private:
  void delta(std::string_view kind, std::string_view member, std::string_view piece) {
    add("content_block_delta", {{"index", index_}, {"delta", JsonObject{{"type", kind}, {member, piece}}}});
  }

  Written& out_;
  std::size_t delta_bytes_;
  std::size_t index_ = 0;
};

Written write(const Question& question, const Answer& answer, const Wishes& wishes) {
  Written out{.headers = {{"request-id", std::format("req_mock_{}", question.number)},
                          {"anthropic-ratelimit-requests-limit", "4000"},
                          {"anthropic-ratelimit-requests-remaining", "3999"},
                          {"anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"}}};
  if (!question.is_stream) {
    out.parts = {whole(question, answer, wishes)};
    return out;
  }
  out.content_type = "text/event-stream";
  out.end_parts = 1;
  Events events(out, wishes.delta_bytes);
  auto begun = message(question);
  if (!wishes.no_usage) begun["usage"] = usage(answer, 1);
  events.add("message_start", {{"message", begun}});
  events.add("ping", {});
  if (!answer.reasoning.empty()) {
    events.block({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, "thinking_delta", "thinking",
                 answer.reasoning);
  }
  if (!answer.text.empty()) events.block({{"type", "text"}, {"text", ""}}, "text_delta", "text", answer.text);
  for (const auto& call : answer.calls) {
    events.block({{"type", "tool_use"}, {"id", "toolu_" + call.id}, {"name", call.name}, {"input", JsonObject()}},
                 "input_json_delta", "partial_json", call.arguments);
  }
  JsonObject end{{"delta", JsonObject{{"stop_reason", reason(answer)}, {"stop_sequence", nullptr}}}};
  // Cumulative: not to be added to what came with `message_start`.
  if (!wishes.no_usage) end["usage"] = usage(answer, answer.output_tokens);
  events.add("message_delta", std::move(end));
  events.add("message_stop", {});
  return out;
}

std::string_view type_of(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 402: return "billing_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 504: return "timeout_error";
    case 529: return "overloaded_error";
    default: return status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::string error(int status, std::string_view code, std::string_view text) {
  return to_text(JsonObject{{"type", "error"},
                            {"error", JsonObject{{"type", code.empty() ? type_of(status) : code}, {"message", text}}},
                            {"request_id", "req_mock"}});
}

std::string stream_error() {
  return event("error", JsonObject{{"type", "error"},
                                   {"error", JsonObject{{"type", "overloaded_error"}, {"message", "Overloaded"}}}});
}

}  // namespace

const Dialect& anthropic() {
  static constexpr Dialect dialect{
      .name = "anthropic", .read = read, .write = write, .error = error, .stream_error = stream_error};
  return dialect;
}

}  // namespace dspy::mock
