#include "mock_provider/dialect.hpp"

#include <format>

namespace dspy::mock {
namespace {

Question read(const Request& /*request*/, const JsonObject& body) {
  Question out{.model = string_in(body, "model"), .is_stream = flag_in(body, "stream")};
  out.most_tokens = count_in(body, "max_output_tokens");
  hear(out, "system", string_in(body, "instructions"));
  if (const auto* const text = object_in(body, "text")) {
    const auto* const format = object_in(*text, "format");
    if (format != nullptr && format->contains("schema")) out.schema = schema_in(*format, "schema");
    if (format != nullptr && string_in(*format, "type") == "json_object")
      out.schema = Json(JsonObject{{"type", "object"}});
  }
  if (const auto* const input = body.if_contains("input"); input != nullptr && input->is_string()) {
    hear(out, "user", view(input->get_string()));
  }
  if (const auto* const items = array_in(body, "input")) {
    for (const auto& item : *items) {
      if (!item.is_object()) continue;
      const auto& each = item.get_object();
      if (string_in(each, "type") == "function_call_output") {
        hear(out, "tool", text_of(schema_in(each, "output")));
        out.has_tool_results = true;
      } else {
        hear(out, string_in(each, "role"), text_of(schema_in(each, "content")));
      }
    }
  }
  if (const auto* const tools = array_in(body, "tools")) {
    for (const auto& tool : *tools) {
      if (tool.is_object() && string_in(tool.get_object(), "type") == "function")
        out.tools.push_back(
            {.name = string_in(tool.get_object(), "name"), .parameters = schema_in(tool.get_object(), "parameters")});
    }
  }
  out.must_call = string_in(body, "tool_choice") == "required";
  if (const auto* const choice = object_in(body, "tool_choice")) out.must_call_this = string_in(*choice, "name");
  return out;
}

Json usage(const Answer& answer) {
  return JsonObject{{"input_tokens", answer.input_tokens},
                    {"input_tokens_details", JsonObject{{"cached_tokens", 0}}},
                    {"output_tokens", answer.output_tokens},
                    {"output_tokens_details", JsonObject{{"reasoning_tokens", answer.reasoning_tokens}}},
                    {"total_tokens", answer.input_tokens + answer.output_tokens}};
}

JsonObject response(const Question& question, std::string_view status) {
  return {{"id", std::format("resp_mock_{}", question.number)},
          {"object", "response"},
          {"created_at", 1'767'225'600},
          {"status", status},
          {"error", nullptr},
          {"incomplete_details", nullptr},
          {"model", question.model},
          {"output", JsonArray()},
          {"usage", nullptr}};
}

JsonObject reasoning_item(const Question& question, const Answer& answer) {
  return {{"type", "reasoning"},
          {"id", std::format("rs_{}", question.number)},
          {"summary", JsonArray{JsonObject{{"type", "summary_text"}, {"text", answer.reasoning}}}},
          {"encrypted_content", "mock-encrypted"}};
}

JsonObject text_part(const Answer& answer) {
  if (answer.finish == "refusal") return {{"type", "refusal"}, {"refusal", answer.text}};
  return {{"type", "output_text"}, {"text", answer.text}, {"annotations", JsonArray()}, {"logprobs", JsonArray()}};
}

JsonObject message_item(const Question& question, JsonArray content, std::string_view status) {
  return {{"type", "message"},
          {"id", std::format("msg_{}", question.number)},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

JsonObject call_item(const ToolCall& call, std::string_view arguments, std::string_view status) {
  return {{"type", "function_call"}, {"id", "fc_" + call.id},  {"call_id", call.id},
          {"name", call.name},       {"arguments", arguments}, {"status", status}};
}

bool is_incomplete(const Answer& answer) {
  return answer.finish == "length" || answer.finish == "content_filter";
}

JsonObject whole(const Question& question, const Answer& answer, const Wishes& wishes) {
  auto body = response(question, is_incomplete(answer) ? "incomplete" : "completed");
  if (is_incomplete(answer)) {
    body["incomplete_details"] =
        JsonObject{{"reason", answer.finish == "length" ? "max_output_tokens" : "content_filter"}};
  }
  auto& output = body["output"].get_array();
  if (!answer.reasoning.empty()) output.push_back(reasoning_item(question, answer));
  if (!answer.text.empty() || answer.calls.empty())
    output.push_back(message_item(question, {text_part(answer)}, is_incomplete(answer) ? "incomplete" : "completed"));
  for (const auto& call : answer.calls) output.push_back(call_item(call, call.arguments, "completed"));
  if (!wishes.no_usage) body["usage"] = usage(answer);
  return body;
}

class Events {
 public:
  Events(Written& out, std::size_t delta_bytes) : out_(out), delta_bytes_(delta_bytes) {}

  void add(std::string_view type, JsonObject members) {
    JsonObject data{{"type", type}, {"sequence_number", number_++}};
    for (auto& [name, value] : members) data[name] = std::move(value);
    out_.parts.push_back(event(type, data));
  }

  void reasoning(const Question& question, const Answer& answer) {
    auto item = reasoning_item(question, answer);
    const Json id = item["id"];
    auto empty = item;
    empty["summary"] = JsonArray();
    add("response.output_item.added", {{"output_index", index_}, {"item", empty}});
    for (const auto& piece : deltas(answer.reasoning, delta_bytes_)) {
      add("response.reasoning_summary_text.delta",
          {{"item_id", id}, {"output_index", index_}, {"summary_index", 0}, {"delta", piece}});
    }
    add("response.reasoning_summary_text.done",
        {{"item_id", id}, {"output_index", index_}, {"summary_index", 0}, {"text", answer.reasoning}});
    add("response.output_item.done", {{"output_index", index_++}, {"item", item}});
  }

  void text(const Question& question, const Answer& answer) {
    const bool refuses = answer.finish == "refusal";
    const std::string kind = refuses ? "response.refusal" : "response.output_text";
    const auto begun = message_item(question, {}, "in_progress");
    const Json id = begun.at("id");
    add("response.output_item.added", {{"output_index", index_}, {"item", begun}});
    const JsonObject place{{"item_id", id}, {"output_index", index_}, {"content_index", 0}};
    const auto with = [&](JsonObject more) {
      auto members = place;
      for (auto& [name, value] : more) members[name] = std::move(value);
      return members;
    };
    const Answer nothing{.finish = answer.finish};
    add("response.content_part.added", with({{"part", text_part(nothing)}}));
    for (const auto& piece : deltas(answer.text, delta_bytes_)) add(kind + ".delta", with({{"delta", piece}}));
    add(kind + ".done", with({{refuses ? "refusal" : "text", answer.text}}));
    add("response.content_part.done", with({{"part", text_part(answer)}}));
    add("response.output_item.done",
        {{"output_index", index_++},
         {"item", message_item(question, {text_part(answer)}, is_incomplete(answer) ? "incomplete" : "completed")}});
  }

  void call(const ToolCall& call) {
    const auto done = call_item(call, call.arguments, "completed");
    const Json id = done.at("id");
    add("response.output_item.added", {{"output_index", index_}, {"item", call_item(call, "", "in_progress")}});
    for (const auto& piece : deltas(call.arguments, delta_bytes_)) {
      add("response.function_call_arguments.delta", {{"item_id", id}, {"output_index", index_}, {"delta", piece}});
    }
    add("response.function_call_arguments.done",
        {{"item_id", id}, {"output_index", index_}, {"arguments", call.arguments}});
    add("response.output_item.done", {{"output_index", index_++}, {"item", done}});
  }

 private:
  Written& out_;
  std::size_t delta_bytes_;
  std::size_t number_ = 0;
  std::size_t index_ = 0;
};

Written write(const Question& question, const Answer& answer, const Wishes& wishes) {
  Written out{.headers = {{"x-request-id", std::format("req_mock_{}", question.number)}}};
  if (!question.is_stream) {
    out.parts = {to_text(whole(question, answer, wishes))};
    return out;
  }
  out.content_type = "text/event-stream";
  out.end_parts = 1;
  Events events(out, wishes.delta_bytes);
  events.add("response.created", {{"response", response(question, "in_progress")}});
  events.add("response.in_progress", {{"response", response(question, "in_progress")}});
  if (!answer.reasoning.empty()) events.reasoning(question, answer);
  if (!answer.text.empty() || answer.calls.empty()) events.text(question, answer);
  for (const auto& call : answer.calls) events.call(call);
  events.add(is_incomplete(answer) ? "response.incomplete" : "response.completed",
             {{"response", whole(question, answer, wishes)}});
  return out;
}

std::string error(int status, std::string_view code, std::string_view message) {
  return openai_chat().error(status, code, message);
}

std::string stream_error() {
  return event("error", JsonObject{{"type", "error"},
                                   {"code", "server_error"},
                                   {"message", "The server had an error while processing your request"},
                                   {"param", nullptr}});
}

}  // namespace

const Dialect& openai_responses() {
  static constexpr Dialect dialect{
      .name = "openai-responses", .read = read, .write = write, .error = error, .stream_error = stream_error};
  return dialect;
}

}  // namespace dspy::mock
