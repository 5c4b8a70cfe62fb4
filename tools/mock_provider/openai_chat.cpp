#include "mock_provider/dialect.hpp"

#include <format>

namespace dspy::mock {
namespace {

// OpenAI's Chat Completions, which most other servers speak too.

Question read(const Request& /*request*/, const JsonObject& body) {
  Question out{.model = string_in(body, "model"), .is_stream = flag_in(body, "stream"), .wants_usage = false};
  out.n = count_in(body, "n").value_or(1);
  out.most_tokens = count_in(body, "max_completion_tokens");
  if (!out.most_tokens) out.most_tokens = count_in(body, "max_tokens");
  if (const auto* const options = object_in(body, "stream_options"))
    out.wants_usage = flag_in(*options, "include_usage");
  if (const auto* const format = object_in(body, "response_format")) {
    if (const auto* const inner = object_in(*format, "json_schema")) out.schema = schema_in(*inner, "schema");
    if (string_in(*format, "type") == "json_object") out.schema = Json(JsonObject{{"type", "object"}});
  }
  if (const auto* const messages = array_in(body, "messages")) {
    for (const auto& message : *messages) {
      if (!message.is_object()) continue;
      const auto& each = message.get_object();
      const auto role = string_in(each, "role");
      hear(out, role, text_of(schema_in(each, "content")));
      if (role == "tool") out.has_tool_results = true;
    }
  }
  if (const auto* const tools = array_in(body, "tools")) {
    for (const auto& tool : *tools) {
      const auto* const function = tool.is_object() ? object_in(tool.get_object(), "function") : nullptr;
      if (function != nullptr)
        out.tools.push_back({.name = string_in(*function, "name"), .parameters = schema_in(*function, "parameters")});
    }
  }
  out.must_call = string_in(body, "tool_choice") == "required";
  if (const auto* const choice = object_in(body, "tool_choice")) {
    if (const auto* const function = object_in(*choice, "function")) out.must_call_this = string_in(*function, "name");
  }
  return out;
}

Json usage(const Answer& answer, std::size_t n) {
  const auto output = answer.output_tokens * static_cast<std::int64_t>(n);
  return JsonObject{{"prompt_tokens", answer.input_tokens},
                    {"completion_tokens", output},
                    {"total_tokens", answer.input_tokens + output},
                    {"prompt_tokens_details", JsonObject{{"cached_tokens", 0}}},
                    {"completion_tokens_details", JsonObject{{"reasoning_tokens", answer.reasoning_tokens}}}};
}

std::string finish_of(const Answer& answer) {
  return answer.finish == "refusal" ? "stop" : answer.finish;
}

Json call_of(const ToolCall& call) {
  return JsonObject{{"id", call.id},
                    {"type", "function"},
                    {"function", JsonObject{{"name", call.name}, {"arguments", call.arguments}}}};
}

JsonObject head(const Question& question, std::string_view object) {
  return {{"id", std::format("chatcmpl-mock-{}", question.number)},
          {"object", object},
          {"created", 1'767'225'600},
          {"model", question.model}};
}

Written write_whole(const Question& question, const Answer& answer, const Wishes& wishes) {
  JsonObject message{{"role", "assistant"}};
  const bool refuses = answer.finish == "refusal";
  message["content"] = refuses || (answer.text.empty() && !answer.calls.empty()) ? Json(nullptr) : Json(answer.text);
  message["refusal"] = refuses ? Json(answer.text) : Json(nullptr);
  if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
  if (!answer.calls.empty()) {
    auto& calls = message["tool_calls"].emplace_array();
    for (const auto& call : answer.calls) calls.push_back(call_of(call));
  }
  auto body = head(question, "chat.completion");
  auto& choices = body["choices"].emplace_array();
  for (std::size_t i = 0; i < question.n; ++i) {
    choices.push_back(
        JsonObject{{"index", i}, {"message", message}, {"logprobs", nullptr}, {"finish_reason", finish_of(answer)}});
  }
  if (!wishes.no_usage) body["usage"] = usage(answer, question.n);
  return {.parts = {to_text(body)}};
}

class Chunks {
 public:
  Chunks(const Question& question, Written& out) : question_(question), out_(out) {}

  void delta(std::size_t index, JsonObject delta, Json finish = nullptr) {
    auto chunk = head(question_, "chat.completion.chunk");
    chunk["choices"] =
        JsonArray{JsonObject{{"index", index}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}}};
    if (question_.wants_usage) chunk["usage"] = nullptr;
    out_.parts.push_back(event("", chunk));
  }

 private:
  const Question& question_;
  Written& out_;
};

Written write_stream(const Question& question, const Answer& answer, const Wishes& wishes) {
  Written out{.end_parts = 1, .content_type = "text/event-stream"};
  Chunks chunks(question, out);
  const auto* const said = answer.finish == "refusal" ? "refusal" : "content";
  for (std::size_t i = 0; i < question.n; ++i) {
    chunks.delta(i, {{"role", "assistant"}, {"content", ""}});
    for (const auto& piece : deltas(answer.reasoning, wishes.delta_bytes))
      chunks.delta(i, {{"reasoning_content", piece}});
    for (const auto& piece : deltas(answer.text, wishes.delta_bytes)) chunks.delta(i, {{said, piece}});
    for (std::size_t k = 0; k < answer.calls.size(); ++k) {
      auto call = call_of({.id = answer.calls[k].id, .name = answer.calls[k].name}).get_object();
      call["index"] = k;
      chunks.delta(i, {{"tool_calls", JsonArray{call}}});
      for (const auto& piece : deltas(answer.calls[k].arguments, wishes.delta_bytes)) {
        chunks.delta(
            i, {{"tool_calls", JsonArray{JsonObject{{"index", k}, {"function", JsonObject{{"arguments", piece}}}}}}});
      }
    }
    chunks.delta(i, {}, Json(finish_of(answer)));
  }
  if (question.wants_usage && !wishes.no_usage) {
    auto last = head(question, "chat.completion.chunk");
    last["choices"] = JsonArray();
    last["usage"] = usage(answer, question.n);
    out.parts.push_back(event("", last));
  }
  out.parts.emplace_back("data: [DONE]\n\n");
  return out;
}

Written write(const Question& question, const Answer& answer, const Wishes& wishes) {
  auto out = question.is_stream ? write_stream(question, answer, wishes) : write_whole(question, answer, wishes);
  out.headers = {{"x-request-id", std::format("req_mock_{}", question.number)},
                 {"x-ratelimit-limit-requests", "10000"},
                 {"x-ratelimit-remaining-requests", "9999"},
                 {"x-ratelimit-reset-requests", "6ms"},
                 {"x-ratelimit-limit-tokens", "2000000"},
                 {"x-ratelimit-remaining-tokens", "1999000"},
                 {"x-ratelimit-reset-tokens", "30ms"}};
  return out;
}

std::string_view type_of(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_exceeded";
    default: return status < 500 ? "invalid_request_error" : "server_error";
  }
}

Json error_body(int status, std::string_view code, std::string_view message) {
  const auto type = code == "insufficient_quota" ? code : type_of(status);
  return JsonObject{{"error", JsonObject{{"message", message},
                                         {"type", type},
                                         {"param", nullptr},
                                         {"code", code.empty() ? Json(nullptr) : Json(code)}}}};
}

std::string error(int status, std::string_view code, std::string_view message) {
  return to_text(error_body(status, code, message));
}

std::string stream_error() {
  return event("", error_body(500, "server_error", "The server had an error while processing your request"));
}

}  // namespace

const Dialect& openai_chat() {
  static constexpr Dialect dialect{
      .name = "openai", .read = read, .write = write, .error = error, .stream_error = stream_error};
  return dialect;
}

}  // namespace dspy::mock
