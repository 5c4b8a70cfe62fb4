#include "mock_provider/dialect.hpp"

#include <optional>

namespace dspy::mock {

std::string event(std::string_view name, const Json& data) {
  std::string out;
  if (!name.empty()) {
    out += "event: ";
    out += name;
    out += '\n';
  }
  out += "data: ";
  append_text(out, data);
  out += "\n\n";
  return out;
}

std::string text_of(const Json& content) {
  if (content.is_string()) return std::string(view(content.get_string()));
  std::string out;
  if (content.is_object()) return string_in(content.get_object(), "text");
  if (!content.is_array()) return out;
  for (const auto& part : content.get_array()) out += text_of(part);
  return out;
}

std::string string_in(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

const JsonObject* object_in(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

const JsonArray* array_in(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr ? value->if_array() : nullptr;
}

bool flag_in(const JsonObject& object, std::string_view name, bool otherwise) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
}

std::optional<std::size_t> count_in(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  boost::system::error_code problem;
  const auto count = value->to_number<std::size_t>(problem);
  if (problem) return std::nullopt;
  return count;
}

Json schema_in(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr ? *value : Json(JsonObject());
}

void hear(Question& question, std::string_view role, std::string_view text) {
  question.text += text;
  question.text += '\n';
  if (role == "user") {
    question.last_user = text;
    question.has_tool_results = false;
  }
}

}  // namespace dspy::mock
