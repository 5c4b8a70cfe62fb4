#include "adapters/json/json_candidates.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace dspy {
namespace {

/// `{"type": "string", "description": "…"}`, part of a JSON Schema.
bool is_schema(const Json& value) {
  static constexpr std::array<std::string_view, 7> types = {"string", "integer", "number", "boolean",
                                                            "object", "array",   "null"};
  const auto* const members = value.if_object();
  if (members == nullptr) return false;
  if (const auto* const type = members->if_contains("type"))
    return type->is_string() && std::ranges::contains(types, std::string_view(view(type->get_string())));
  return members->contains("anyOf") || members->contains("$ref") || members->contains("enum");
}

/// True if a JSON object may be a value of the type.
bool may_be_object(const Type& type) {
  switch (type.kind) {
    case Type::Kind::dict:
    case Type::Kind::object:
    case Type::Kind::reference:
    case Type::Kind::any: return true;
    case Type::Kind::optional:
    case Type::Kind::union_: return std::ranges::any_of(type.arguments, may_be_object);
    default: return false;
  }
}

}  // namespace

bool Candidates::names_output(const JsonObject& members) const {
  const auto outputs = labels_.signature().outputs.size();
  return std::ranges::any_of(members, [&](const auto& member) { return labels_.find_output(member.key()) != outputs; });
}

void Candidates::look_into(Json& value, bool alone) {
  if (auto* const items = value.if_array()) {
    for (auto& item : *items) look_into(item, alone && items->size() == 1);
    return;
  }
  auto* const members = value.if_object();
  if (members == nullptr) return;
  if (names_output(*members)) {
    ++count_;
    is_alone_ = alone;
    found_ = members;
    return;
  }
  const bool is_schema = members->contains("properties") && members->at("properties").is_object();
  is_schema_ |= is_schema;
  for (auto& member : *members) look_into(member.value(), alone && members->size() == 1 && !is_schema);
}

bool echoes_schema(const JsonObject& members, const Labels& labels) {
  const auto outputs = labels.signature().outputs.size();
  bool any = false;
  for (const auto& member : members) {
    const auto output = labels.find_output(member.key());
    if (output == outputs) continue;
    // `{"type": "string"}` may be the value of a dict.
    if (!is_schema(member.value()) || may_be_object(labels.signature().outputs[output].type)) return false;
    any = true;
  }
  return any;
}

}  // namespace dspy
