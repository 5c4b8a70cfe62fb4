#include "adapters/reading/typed_parts.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

std::optional<Json> tool_calls_of(const Completion& completion) {
  if (completion.tool_calls.empty()) return std::nullopt;
  JsonArray calls;
  for (const auto& call : completion.tool_calls) {
    JsonObject each{{"id", call.id.empty() ? Json() : Json(call.id)}, {"name", call.name}, {"args", call.input}};
    calls.push_back(std::move(each));
  }
  return JsonObject{{"tool_calls", std::move(calls)}, {"tool_call_results", nullptr}};
}

/// Citations with a position in the request's documents; others have no such form.
std::optional<Json> citations_of(const Completion& completion) {
  JsonArray citations;
  for (const auto& citation : completion.citations) {
    if (!citation.place) continue;
    const auto& place = *citation.place;
    const auto text = [](const std::optional<std::string>& value) { return value ? Json(*value) : Json(); };
    citations.push_back(JsonObject{{"type", place.type},
                                   {"cited_text", place.cited_text},
                                   {"document_index", place.document_index},
                                   {"document_title", text(place.document_title)},
                                   {"start_char_index", place.start_char_index},
                                   {"end_char_index", place.end_char_index},
                                   {"supported_text", text(place.supported_text)}});
  }
  if (citations.empty()) return std::nullopt;
  return JsonObject{{"citations", std::move(citations)}};
}

std::optional<Json> part_for(const Field& output, const Completion& completion) {
  switch (output.type.required().kind) {
    case Type::Kind::tool_calls: return tool_calls_of(completion);
    case Type::Kind::citations: return citations_of(completion);
    case Type::Kind::reasoning:
      return completion.reasoning.empty() ? std::nullopt : std::optional<Json>(completion.reasoning);
    default: return std::nullopt;
  }
}

/// Nothing is wrong any more: the fields that could be read, in the signature's order, absent ones with their defaults.
Reading completed(const Signature& signature, Unreadable& unreadable) {
  Reading out{.outputs = {}, .flags = std::move(unreadable.flags)};
  for (const auto& field : signature.outputs) {
    auto* const value = unreadable.partial.if_contains(field.name);
    out.outputs.emplace(field.name, value != nullptr ? std::move(*value) : field.default_value.value_or(nullptr));
  }
  return out;
}

}  // namespace

std::expected<Reading, Unreadable> with_typed_parts(const Signature& signature, const Completion& completion,
                                                    std::expected<Reading, Unreadable> reading) {
  for (const auto& field : signature.outputs) {
    auto value = part_for(field, completion);
    if (!value) continue;
    auto& values = reading ? reading->outputs : reading.error().partial;
    auto& flags = reading ? reading->flags : reading.error().flags;
    const auto* const written = values.if_contains(field.name);
    std::erase_if(flags, [&](const Flag& flag) { return flag.field == field.name; });
    if (written != nullptr && !written->is_null() && *written != *value)
      flags.push_back({.field = field.name, .repair = "written_otherwise"});
    values[field.name] = *std::move(value);
    if (reading) continue;
    std::erase(reading.error().missing, field.name);
    std::erase_if(reading.error().invalid, [&](const auto& fault) { return fault.field == field.name; });
  }
  if (!reading && reading.error().missing.empty() && reading.error().invalid.empty())
    return completed(signature, reading.error());
  return reading;
}

}  // namespace dspy
