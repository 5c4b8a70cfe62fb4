#include "dspy/lm/tracing/otlp.hpp"

#include "dspy/base/version.hpp"
#include "dspy/lm/exchange_json.hpp"

#include <array>
#include <optional>

namespace dspy {
namespace {

std::optional<Json> count(const Usage::Count& tokens) {
  if (!tokens) return {};
  return Json(*tokens);
}

template <class T>
std::optional<Json> number(const std::optional<T>& value) {
  if (!value) return {};
  return Json(*value);
}

const Usage* usage_of(const Span& span) {
  if (span.reply != nullptr) return &span.reply->usage;
  if (span.prediction != nullptr) return &span.prediction->lm_usage;
  if (span.error != nullptr) return &span.error->info().usage;
  return nullptr;
}

/// What comes from the usage, under the name of the conventions as of August 2026.
struct UsageAttribute {
  std::string_view name;
  std::optional<Json> (*value)(const Usage& usage);
};
constexpr auto usage_attributes = std::to_array<UsageAttribute>({
    {"gen_ai.usage.input_tokens", [](const Usage& u) { return count(u.prompt_tokens); }},
    {"gen_ai.usage.output_tokens", [](const Usage& u) { return count(u.completion_tokens); }},
    {"gen_ai.usage.cache_read.input_tokens", [](const Usage& u) { return count(u.cache_read_tokens); }},
    {"gen_ai.usage.cache_creation.input_tokens", [](const Usage& u) { return count(u.cache_write_tokens); }},
    {"gen_ai.usage.reasoning.output_tokens", [](const Usage& u) { return count(u.reasoning_tokens); }},
    {"dspy.usage.requests", [](const Usage& u) -> std::optional<Json> { return Json(u.requests); }},
    {"dspy.usage.cost_nanodollars", [](const Usage& u) { return number(u.cost_nanodollars); }},
});

/// What comes from the request.
struct RequestAttribute {
  std::string_view name;
  std::optional<Json> (*value)(const Request& request);
};
constexpr auto request_attributes = std::to_array<RequestAttribute>({
    {"gen_ai.request.max_tokens", [](const Request& r) { return number(r.sampling.max_tokens); }},
    {"gen_ai.request.temperature", [](const Request& r) { return number(r.sampling.temperature); }},
    {"gen_ai.request.top_p", [](const Request& r) { return number(r.sampling.top_p); }},
    {"gen_ai.request.top_k", [](const Request& r) { return number(r.sampling.top_k); }},
    {"gen_ai.request.seed", [](const Request& r) { return number(r.sampling.seed); }},
    {"gen_ai.request.frequency_penalty", [](const Request& r) { return number(r.sampling.frequency_penalty); }},
    {"gen_ai.request.presence_penalty", [](const Request& r) { return number(r.sampling.presence_penalty); }},
    {"gen_ai.request.stop_sequences",
     [](const Request& r) -> std::optional<Json> {
       if (r.sampling.stop.empty()) return {};
       return Json(JsonArray(r.sampling.stop.begin(), r.sampling.stop.end()));
     }},
    {"gen_ai.request.choice.count",
     [](const Request& r) -> std::optional<Json> {
       if (r.n == 1) return {};
       return Json(r.n);
     }},
});

JsonArray finish_reasons(const Reply& reply) {
  JsonArray out;
  for (const auto& completion : reply.completions) out.emplace_back(to_string(completion.finish));
  return out;
}

/// A value as OTLP writes it: 64-bit integers are decimal texts.
JsonObject any_value(const Json& value) {
  if (value.is_bool()) return {{"boolValue", value}};
  if (value.is_int64()) return {{"intValue", std::to_string(value.get_int64())}};
  if (value.is_uint64()) return {{"intValue", std::to_string(value.get_uint64())}};
  if (value.is_double()) return {{"doubleValue", value}};
  if (value.is_array()) {
    JsonArray values;
    for (const auto& each : value.get_array()) values.push_back(any_value(each));
    return {{"arrayValue", JsonObject{{"values", std::move(values)}}}};
  }
  if (value.is_string()) return {{"stringValue", value}};
  return {{"stringValue", to_text(value)}};
}

JsonObject key_value(std::string_view key, const Json& value) {
  return {{"key", key}, {"value", any_value(value)}};
}

}  // namespace

std::vector<std::pair<std::string, Json>> otlp_attributes(const Span& span, bool has_content) {
  std::vector<std::pair<std::string, Json>> out;
  const auto add = [&](std::string_view name, std::optional<Json> value) {
    if (value) out.emplace_back(name, *std::move(value));
  };
  const bool is_request = span.kind == Span::Kind::attempt;
  if (is_request) {
    add("gen_ai.operation.name", Json("chat"));
    add("gen_ai.request.model", Json(span.lm));
    const auto slash = span.lm.find('/');
    add("gen_ai.provider.name", Json(slash == std::string_view::npos ? "dspy" : span.lm.substr(0, slash)));
    if (span.attempt != 0) add("dspy.attempt", Json(span.attempt));
  }
  if (span.kind == Span::Kind::tool) {
    add("gen_ai.operation.name", Json("execute_tool"));
    add("gen_ai.tool.name", Json(span.path.substr(span.path.rfind('.') + 1)));
  }
  if (!span.path.empty()) add("dspy.path", Json(span.path));
  if (span.request != nullptr) {
    for (const auto& attribute : request_attributes) add(attribute.name, attribute.value(*span.request));
  }
  if (span.reply != nullptr) {
    add("gen_ai.response.finish_reasons", Json(finish_reasons(*span.reply)));
    if (!span.reply->id.empty()) add("gen_ai.response.id", Json(span.reply->id));
    if (!span.reply->model.empty()) add("gen_ai.response.model", Json(span.reply->model));
    if (span.reply->handling->source != ReplySource::model)
      add("dspy.cache", Json(to_string(span.reply->handling->source)));
    if (span.reply->handling->attempts.size() > 1)
      add("dspy.attempts", Json(static_cast<std::uint64_t>(span.reply->handling->attempts.size())));
  }
  if (const auto* const usage = usage_of(span)) {
    for (const auto& attribute : usage_attributes) add(attribute.name, attribute.value(*usage));
  }
  if (span.error != nullptr) add("error.type", Json(to_string(span.error->code())));
  if (!has_content) return out;
  if (span.request != nullptr) {
    JsonArray messages;
    for (const auto& message : span.request->messages) messages.push_back(to_json(message));
    add("gen_ai.input.messages", Json(to_text(messages)));
  }
  if (span.reply != nullptr) {
    JsonArray messages;
    for (const auto& completion : span.reply->completions) messages.push_back(to_json(to_message(completion)));
    add("gen_ai.output.messages", Json(to_text(messages)));
  }
  return out;
}

JsonObject otlp_body(const std::vector<OtlpSpan>& spans, const std::string& service) {
  JsonArray written;
  for (const auto& span : spans) {
    JsonArray attributes;
    for (const auto& [name, value] : span.attributes) attributes.push_back(key_value(name, value));
    JsonObject out{{"traceId", span.trace_id},
                   {"spanId", span.span_id},
                   {"name", span.name},
                   {"kind", span.is_client ? 3 : 1},
                   {"startTimeUnixNano", std::to_string(span.start_ns)},
                   {"endTimeUnixNano", std::to_string(span.end_ns)},
                   {"attributes", std::move(attributes)}};
    if (!span.parent_id.empty()) out["parentSpanId"] = span.parent_id;
    if (!span.state.empty()) out["traceState"] = span.state;
    JsonObject status{{"code", span.error.empty() ? 0 : 2}};
    if (!span.error.empty()) status["message"] = span.error;
    out["status"] = std::move(status);
    written.push_back(std::move(out));
  }
  JsonObject scope{{"scope", JsonObject{{"name", "dspy-cpp"}, {"version", version()}}}, {"spans", std::move(written)}};
  JsonObject resource{{"attributes", JsonArray{key_value("service.name", Json(service))}}};
  return {{"resourceSpans",
           JsonArray{JsonObject{{"resource", std::move(resource)}, {"scopeSpans", JsonArray{std::move(scope)}}}}}};
}

}  // namespace dspy
