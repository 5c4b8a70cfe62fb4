#include "dspy/lm/tracing/open_inference.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace dspy {
namespace {

/// An attribute under both names.
struct Name {
  std::string_view ours;
  std::string_view theirs;
};
constexpr auto names = std::to_array<Name>({
    {"gen_ai.request.model", "llm.model_name"},
    {"gen_ai.provider.name", "llm.provider"},
    {"gen_ai.usage.input_tokens", "llm.token_count.prompt"},
    {"gen_ai.usage.output_tokens", "llm.token_count.completion"},
    {"gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read"},
    {"gen_ai.usage.cache_creation.input_tokens", "llm.token_count.prompt_details.cache_write"},
    {"gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning"},
    {"gen_ai.input.messages", "input.value"},
    {"gen_ai.output.messages", "output.value"},
    {"gen_ai.tool.name", "tool.name"},
});

JsonObject* object_of(Json& value) {
  return value.if_object();
}

JsonArray* list_in(JsonObject& object, std::string_view name) {
  auto* const found = object.if_contains(name);
  return found != nullptr ? found->if_array() : nullptr;
}

std::string_view text_in(const JsonObject& object, std::string_view name) {
  const auto* const found = object.if_contains(name);
  return found != nullptr && found->is_string() ? view(found->get_string()) : std::string_view();
}

/// The value of an attribute as OTLP has it; null if there is none.
const Json* attribute(const JsonArray& attributes, std::string_view name) {
  for (const auto& each : attributes) {
    const auto* const pair = each.if_object();
    if (pair != nullptr && text_in(*pair, "key") == name) return pair->if_contains("value");
  }
  return nullptr;
}

JsonObject with_text(std::string_view key, std::string_view text) {
  return {{"key", key}, {"value", JsonObject{{"stringValue", text}}}};
}

std::int64_t count_in(const Json* value) {
  const auto* const object = value != nullptr ? value->if_object() : nullptr;
  return object != nullptr ? std::strtoll(std::string(text_in(*object, "intValue")).c_str(), nullptr, 10) : 0;
}

std::string_view kind_of(const JsonArray& attributes) {
  const auto* const operation = attribute(attributes, "gen_ai.operation.name");
  const auto* const object = operation != nullptr ? operation->if_object() : nullptr;
  const auto name = object != nullptr ? text_in(*object, "stringValue") : std::string_view();
  return name == "execute_tool" ? "TOOL" : name.empty() ? "CHAIN" : "LLM";
}

void add_to(JsonArray& attributes) {
  JsonArray more{with_text("openinference.span.kind", kind_of(attributes))};
  for (const auto& [ours, theirs] : names) {
    if (const auto* const value = attribute(attributes, ours))
      more.push_back(JsonObject{{"key", theirs}, {"value", *value}});
    if (ours.ends_with(".messages") && attribute(attributes, ours) != nullptr)
      more.push_back(with_text(theirs == "input.value" ? "input.mime_type" : "output.mime_type", "application/json"));
  }
  const auto* const prompt = attribute(attributes, "gen_ai.usage.input_tokens");
  const auto* const completion = attribute(attributes, "gen_ai.usage.output_tokens");
  if (prompt != nullptr && completion != nullptr)
    more.push_back(
        JsonObject{{"key", "llm.token_count.total"},
                   {"value", JsonObject{{"intValue", std::to_string(count_in(prompt) + count_in(completion))}}}});
  attributes.insert(attributes.end(), more.begin(), more.end());
}

/// Calls `visit` for each object of a list of objects.
template <class Visit>
void each_object(JsonObject& in, std::string_view name, Visit visit) {
  auto* const list = list_in(in, name);
  if (list == nullptr) return;
  for (auto& each : *list)
    if (auto* const object = object_of(each)) visit(*object);
}

}  // namespace

void add_open_inference(JsonObject& body) {
  each_object(body, "resourceSpans", [](JsonObject& resource) {
    each_object(resource, "scopeSpans", [](JsonObject& scope) {
      each_object(scope, "spans", [](JsonObject& span) {
        if (auto* const attributes = list_in(span, "attributes")) add_to(*attributes);
      });
    });
  });
}

std::function<OtlpSent(std::string_view body)> open_inference(std::function<OtlpSent(std::string_view body)> send) {
  return [send = std::move(send)](std::string_view body) {
    auto json = parse_json(body);
    if (!json || !json->is_object()) return send(body);
    add_open_inference(json->get_object());
    return send(to_text(*json));
  };
}

}  // namespace dspy
