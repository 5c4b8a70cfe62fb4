#include "mock_provider/dialect.hpp"

namespace dspy::mock {
namespace {

Question read(const Request& /*request*/, const JsonObject& body) {
  Question out{.model = string_in(body, "model"), .is_stream = flag_in(body, "stream", true)};
  if (const auto* const format = body.if_contains("format")) {
    if (format->is_object()) out.schema = *format;
    if (format->is_string() && !format->get_string().empty()) out.schema = Json(JsonObject{{"type", "object"}});
  }
  if (const auto* const options = object_in(body, "options")) out.most_tokens = count_in(*options, "num_predict");
  if (body.contains("prompt")) hear(out, "user", string_in(body, "prompt"));
  if (const auto* const messages = array_in(body, "messages")) {
    for (const auto& message : *messages) {
      if (!message.is_object()) continue;
      const auto role = string_in(message.get_object(), "role");
      hear(out, role, string_in(message.get_object(), "content"));
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
  return out;
}

JsonObject line(const Question& question, JsonObject message, bool is_done) {
  message["role"] = "assistant";
  return {{"model", question.model},
          {"created_at", "2026-01-01T00:00:00Z"},
          {"message", std::move(message)},
          {"done", is_done}};
}

void end(JsonObject& last, const Answer& answer, const Wishes& wishes) {
  last["done"] = true;
  last["done_reason"] = answer.finish == "length" ? "length" : "stop";
  last["total_duration"] = 1'000'000;
  last["load_duration"] = 1000;
  if (wishes.no_usage) return;
  last["prompt_eval_count"] = answer.input_tokens;
  last["prompt_eval_duration"] = 100'000;
  last["eval_count"] = answer.output_tokens;
  last["eval_duration"] = 800'000;
}

JsonArray calls_of(const Answer& answer) {
  JsonArray calls;
  for (const auto& call : answer.calls) {
    const auto arguments = parse_json(call.arguments);
    calls.push_back(JsonObject{
        {"function", JsonObject{{"name", call.name}, {"arguments", arguments ? *arguments : Json(JsonObject())}}}});
  }
  return calls;
}

Written write(const Question& question, const Answer& answer, const Wishes& wishes) {
  Written out;
  if (!question.is_stream) {
    JsonObject message{{"content", answer.text}};
    if (!answer.reasoning.empty()) message["thinking"] = answer.reasoning;
    if (!answer.calls.empty()) message["tool_calls"] = calls_of(answer);
    auto body = line(question, std::move(message), true);
    end(body, answer, wishes);
    out.parts = {to_text(body)};
    return out;
  }
  out.content_type = "application/x-ndjson";
  out.end_parts = 1;
  const auto add = [&](const JsonObject& each) { out.parts.push_back(to_text(each) + "\n"); };
  for (const auto& piece : deltas(answer.reasoning, wishes.delta_bytes))
    add(line(question, {{"content", ""}, {"thinking", piece}}, false));
  for (const auto& piece : deltas(answer.text, wishes.delta_bytes)) add(line(question, {{"content", piece}}, false));
  if (!answer.calls.empty()) add(line(question, {{"content", ""}, {"tool_calls", calls_of(answer)}}, false));
  auto last = line(question, {{"content", ""}}, true);
  end(last, answer, wishes);
  add(last);
  return out;
}

std::string error(int /*status*/, std::string_view code, std::string_view text) {
  return to_text(JsonObject{{"error", code.empty() ? text : code}});
}

std::string stream_error() {
  return error(500, "", "an error was encountered while running the model") + "\n";
}

}  // namespace

const Dialect& ollama() {
  static constexpr Dialect dialect{
      .name = "ollama", .read = read, .write = write, .error = error, .stream_error = stream_error};
  return dialect;
}

}  // namespace dspy::mock
