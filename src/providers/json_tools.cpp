#include "providers/json_tools.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <utility>

namespace dspy::providers {

const Json* member_at(const JsonObject& object, std::string_view name) noexcept {
  const auto* const found = object.if_contains(name);
  return found != nullptr && !found->is_null() ? found : nullptr;
}

const JsonObject* object_at(const JsonObject& object, std::string_view name) noexcept {
  const auto* const found = object.if_contains(name);
  return found != nullptr ? found->if_object() : nullptr;
}

const JsonArray* array_at(const JsonObject& object, std::string_view name) noexcept {
  const auto* const found = object.if_contains(name);
  return found != nullptr ? found->if_array() : nullptr;
}

std::string_view text_at(const JsonObject& object, std::string_view name) noexcept {
  const auto* const found = object.if_contains(name);
  return found != nullptr && found->is_string() ? view(found->get_string()) : std::string_view();
}

Usage::Count count_at(const JsonObject& object, std::string_view name) noexcept {
  const auto* const found = object.if_contains(name);
  if (found == nullptr) return {};
  if (found->is_int64() && found->get_int64() >= 0) return static_cast<std::uint64_t>(found->get_int64());
  if (found->is_uint64()) return found->get_uint64();
  return {};
}

std::optional<double> number_at(const JsonObject& object, std::string_view name) noexcept {
  const auto* const found = object.if_contains(name);
  if (found == nullptr || !found->is_number()) return {};
  boost::system::error_code code;
  const auto number = found->to_number<double>(code);
  return code ? std::nullopt : std::optional(number);
}

JsonObject without(const JsonObject& object, std::initializer_list<std::string_view> names) {
  JsonObject out;
  for (const auto& [name, value] : object) {
    if (value.is_null() || std::ranges::contains(names, std::string_view(name.data(), name.size()))) continue;
    out.emplace(name, value);
  }
  return out;
}

void append_text_at(JsonObject& object, std::string_view name, std::string_view more) {
  auto& member = object[name];
  if (!member.is_string()) member = "";
  member.get_string().append(more);
}

void merge(JsonObject& into, const JsonObject& more) {
  for (const auto& [name, value] : more) {
    auto& member = into[name];
    if (member.is_object() && value.is_object()) {
      merge(member.get_object(), value.get_object());
    } else {
      member = value;
    }
  }
}

std::optional<JsonObject> arguments_of(std::string_view text) {
  if (text::trim(text).empty()) return JsonObject();
  auto json = parse_json(text);
  if (!json || !json->is_object()) return std::nullopt;
  return std::move(json->get_object());
}

}  // namespace dspy::providers
