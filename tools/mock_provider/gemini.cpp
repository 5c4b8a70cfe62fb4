#include "mock_provider/dialect.hpp"

#include <algorithm>
#include <format>

namespace dspy::mock {
namespace {

/// `gemini-x` of `/v1beta/models/gemini-x:generateContent`.
std::string model_in(std::string_view path) {
  const auto begin = path.rfind('/') + 1;
  return std::string(path.substr(begin, std::min(path.find(':', begin), path.size()) - begin));
}

void read_parts(Question& out, const JsonObject& content, std::string_view role) {
  const auto* const parts = array_in(content, "parts");
  if (parts == nullptr) return;
  const bool has_results = std::ranges::any_of(
      *parts, [](const Json& part) { return part.is_object() && part.get_object().contains("functionResponse"); });
  hear(out, has_results ? "tool" : role, text_of(Json(*parts)));
  out.has_tool_results = out.has_tool_results || has_results;
}

void read_tools(Question& out, const JsonObject& body) {
  const auto* const tools = array_in(body, "tools");
  for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
    const auto* const tool = (*tools)[i].if_object();
    const auto* const functions = tool != nullptr ? array_in(*tool, "functionDeclarations") : nullptr;
    if (functions == nullptr) continue;
    for (const auto& function : *functions) {
      if (!function.is_object()) continue;
      const auto& each = function.get_object();
      const auto* const place = each.contains("parametersJsonSchema") ? "parametersJsonSchema" : "parameters";
      out.tools.push_back({.name = string_in(each, "name"), .parameters = schema_in(each, place)});
    }
  }
  const auto* const config = object_in(body, "toolConfig");
  const auto* const calling = config != nullptr ? object_in(*config, "functionCallingConfig") : nullptr;
  if (calling == nullptr || string_in(*calling, "mode") != "ANY") return;
  out.must_call = true;
  const auto* const names = array_in(*calling, "allowedFunctionNames");
  if (names != nullptr && !names->empty()) out.must_call_this = text_of(names->front());
}

Question read(const Request& request, const JsonObject& body) {
  Question out{.model = model_in(request.path), .is_stream = request.path.ends_with(":streamGenerateContent")};
  if (const auto* const system = object_in(body, "systemInstruction")) read_parts(out, *system, "system");
  if (const auto* const config = object_in(body, "generationConfig")) {
    out.n = count_in(*config, "candidateCount").value_or(1);
    out.most_tokens = count_in(*config, "maxOutputTokens");
    for (const auto* const name : {"responseSchema", "responseJsonSchema"}) {
      if (config->contains(name)) out.schema = schema_in(*config, name);
    }
    if (!out.schema && string_in(*config, "responseMimeType") == "application/json")
      out.schema = Json(JsonObject{{"type", "object"}});
  }
  if (const auto* const contents = array_in(body, "contents")) {
    for (const auto& content : *contents) {
      if (!content.is_object()) continue;
      const auto role = string_in(content.get_object(), "role");
      read_parts(out, content.get_object(), role.empty() ? "user" : role);
    }
  }
  read_tools(out, body);
  return out;
}

std::string_view reason(const Answer& answer) {
  if (answer.finish == "length") return "MAX_TOKENS";
  if (answer.finish == "content_filter" || answer.finish == "refusal") return "SAFETY";
  return "STOP";  // also after calls
}

/// Thoughts are not among the candidates' tokens, as Gemini counts.
Json usage(const Answer& answer, std::size_t n) {
  const auto written = (answer.output_tokens - answer.reasoning_tokens) * static_cast<std::int64_t>(n);
  return JsonObject{{"promptTokenCount", answer.input_tokens},
                    {"candidatesTokenCount", written},
                    {"thoughtsTokenCount", answer.reasoning_tokens},
                    {"totalTokenCount", answer.input_tokens + written + answer.reasoning_tokens}};
}

JsonObject call_part(const ToolCall& call) {
  const auto arguments = parse_json(call.arguments);
  return {{"functionCall",
           JsonObject{{"id", call.id}, {"name", call.name}, {"args", arguments ? *arguments : Json(JsonObject())}}},
          {"thoughtSignature", "bW9jaw=="}};
}

JsonObject chunk(const Question& question, const JsonArray& parts, const Json& finish) {
  JsonObject out;
  auto& candidates = out["candidates"].emplace_array();
  for (std::size_t i = 0; i < question.n; ++i) {
    JsonObject candidate{{"content", JsonObject{{"parts", parts}, {"role", "model"}}}, {"index", i}};
    if (!finish.is_null()) candidate["finishReason"] = finish;
    candidates.push_back(std::move(candidate));
  }
  out["modelVersion"] = question.model;
  out["responseId"] = std::format("mock-{}", question.number);
  return out;
}

Written write(const Question& question, const Answer& answer, const Wishes& wishes) {
  Written out;
  if (!question.is_stream) {
    JsonArray parts;
    if (!answer.reasoning.empty()) parts.push_back(JsonObject{{"text", answer.reasoning}, {"thought", true}});
    if (!answer.text.empty()) parts.push_back(JsonObject{{"text", answer.text}});
    for (const auto& call : answer.calls) parts.push_back(call_part(call));
    auto body = chunk(question, parts, Json(reason(answer)));
    if (!wishes.no_usage) body["usageMetadata"] = usage(answer, question.n);
    out.parts = {to_text(body)};
    return out;
  }
  out.content_type = "text/event-stream";
  out.end_parts = 1;
  for (const auto& piece : deltas(answer.reasoning, wishes.delta_bytes))
    out.parts.push_back(event("", chunk(question, {JsonObject{{"text", piece}, {"thought", true}}}, nullptr)));
  for (const auto& piece : deltas(answer.text, wishes.delta_bytes))
    out.parts.push_back(event("", chunk(question, {JsonObject{{"text", piece}}}, nullptr)));
  for (const auto& call : answer.calls) out.parts.push_back(event("", chunk(question, {call_part(call)}, nullptr)));
  auto last = chunk(question, {JsonObject{{"text", ""}}}, Json(reason(answer)));
  if (!wishes.no_usage) last["usageMetadata"] = usage(answer, question.n);
  out.parts.push_back(event("", last));
  return out;
}

std::string_view name_of(int status) {
  switch (status) {
    case 401: return "UNAUTHENTICATED";
    case 403: return "PERMISSION_DENIED";
    case 404: return "NOT_FOUND";
    case 429: return "RESOURCE_EXHAUSTED";
    case 503: return "UNAVAILABLE";
    case 504: return "DEADLINE_EXCEEDED";
    default: return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
  }
}

std::string error(int status, std::string_view code, std::string_view text) {
  JsonObject inner{{"code", status}, {"message", text}, {"status", code.empty() ? name_of(status) : code}};
  if (status == 429) {
    inner["details"] = JsonArray{
        JsonObject{{"@type", "type.googleapis.com/google.rpc.QuotaFailure"},
                   {"violations", JsonArray{JsonObject{{"quotaId", "GenerateRequestsPerMinutePerProjectPerModel"}}}}},
        JsonObject{{"@type", "type.googleapis.com/google.rpc.RetryInfo"}, {"retryDelay", "1s"}}};
  }
  return to_pretty_text(JsonObject{{"error", std::move(inner)}});
}

/// Without `data:`, as Gemini has been seen to do.
std::string stream_error() {
  return error(503, "", "The model is overloaded. Please try again later.") + "\n";
}

}  // namespace

const Dialect& gemini() {
  static constexpr Dialect dialect{
      .name = "gemini", .read = read, .write = write, .error = error, .stream_error = stream_error};
  return dialect;
}

}  // namespace dspy::mock
