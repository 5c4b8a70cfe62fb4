#include "mock_provider/schema_value.hpp"

#include "dspy/base/json_pointer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::mock {
namespace {

constexpr int deepest = 24;

const Json* member(const Json& schema, std::string_view name) {
  return schema.is_object() ? schema.get_object().if_contains(name) : nullptr;
}

std::optional<double> number(const Json& schema, std::string_view name) {
  const auto* const value = member(schema, name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

/// In lower case, since Gemini's older schemas write types in capitals.
std::string type_of(const Json& schema) {
  const auto* type = member(schema, "type");
  if (type != nullptr && type->is_array() && !type->get_array().empty()) type = &type->get_array().front();
  auto name = text_of(type);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!name.empty()) return name;
  if (member(schema, "properties") != nullptr) return "object";
  return member(schema, "items") != nullptr ? "array" : "string";
}

std::string string_for(const Json& schema) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> formats = {{
      {"date-time", "2026-01-02T03:04:05Z"},
      {"date", "2026-01-02"},
      {"time", "03:04:05Z"},
      {"duration", "PT1S"},
      {"email", "someone@example.com"},
      {"uri", "https://example.com/"},
      {"uuid", "00000000-0000-4000-8000-000000000000"},
      {"ipv4", "192.0.2.1"},
  }};
  const auto format = text_of(member(schema, "format"));
  for (const auto& [name, value] : formats) {
    if (name == format) return std::string(value);
  }
  const auto least = static_cast<std::size_t>(std::clamp(number(schema, "minLength").value_or(0), 0.0, 1e6));
  const auto most = static_cast<std::size_t>(std::clamp(number(schema, "maxLength").value_or(1e6), 0.0, 1e6));
  std::string value = "mock";
  value.resize(std::clamp(value.size(), least, std::max(least, most)), 'k');
  return value;
}

double number_for(const Json& schema, double step) {
  auto least = number(schema, "minimum");
  auto most = number(schema, "maximum");
  if (const auto above = number(schema, "exclusiveMinimum")) least = std::max(least.value_or(*above), *above + step);
  if (const auto below = number(schema, "exclusiveMaximum")) most = std::min(most.value_or(*below), *below - step);
  auto value = least.value_or(std::min(1.0, most.value_or(1.0)));
  if (const auto multiple = number(schema, "multipleOf"); multiple && *multiple > 0)
    value = std::ceil(value / *multiple) * *multiple;
  return value;
}

class Writer {
 public:
  explicit Writer(const Json& root) : root_(root) {}

  Json value(const Json& schema, int depth) const {
    if (depth > deepest || !schema.is_object()) return nullptr;
    if (const auto* const fixed = member(schema, "const")) return *fixed;
    if (const auto* const values = member(schema, "enum");
        values != nullptr && values->is_array() && !values->get_array().empty())
      return values->get_array().front();
    if (const auto* const target = referred(schema)) return value(*target, depth + 1);
    for (const auto* const name : {"anyOf", "oneOf"}) {
      if (const auto* const branch = first_branch(schema, name)) return value(*branch, depth + 1);
    }
    if (const auto* const all = member(schema, "allOf"); all != nullptr && all->is_array())
      return merged(all->get_array(), depth);

    const auto type = type_of(schema);
    if (type == "object") return object(schema, depth);
    if (type == "array") return array(schema, depth);
    if (type == "integer") return static_cast<std::int64_t>(std::ceil(number_for(schema, 1)));
    if (type == "number") return number_for(schema, 0.5);
    if (type == "boolean") return true;
    if (type == "null") return nullptr;
    return Json(string_for(schema));
  }

 private:
  const Json* referred(const Json& schema) const {
    const auto pointer = text_of(member(schema, "$ref"));
    if (!pointer.starts_with('#')) return nullptr;
    return find_at(root_, std::string_view(pointer).substr(1));
  }

  /// One that does not refer to what is being written, where there is such.
  static const Json* first_branch(const Json& schema, std::string_view name) {
    const auto* const branches = member(schema, name);
    if (branches == nullptr || !branches->is_array() || branches->get_array().empty()) return nullptr;
    const auto& all = branches->get_array();
    const auto* const plain =
        std::ranges::find_if(all, [](const Json& each) { return member(each, "$ref") == nullptr; });
    return plain == all.end() ? all.begin() : plain;
  }

  Json merged(const JsonArray& parts, int depth) const {
    JsonObject out;
    for (const auto& part : parts) {
      auto each = value(part, depth + 1);
      if (!each.is_object()) return each;
      for (auto& [name, inner] : each.get_object()) out.insert_or_assign(name, std::move(inner));
    }
    return out;
  }

  Json object(const Json& schema, int depth) const {
    JsonObject out;
    const auto* const properties = member(schema, "properties");
    if (properties == nullptr || !properties->is_object()) return out;
    const auto* const required = member(schema, "required");
    for (const auto& [name, inner] : properties->get_object()) {
      const bool is_required =
          required != nullptr && required->is_array() && std::ranges::contains(required->get_array(), Json(name));
      // Deep down only what must be there, so that recursion ends.
      if (is_required || depth < 4) out.emplace(name, value(inner, depth + 1));
    }
    return out;
  }

  Json array(const Json& schema, int depth) const {
    JsonArray out;
    if (const auto* const prefix = member(schema, "prefixItems"); prefix != nullptr && prefix->is_array()) {
      for (const auto& item : prefix->get_array()) out.push_back(value(item, depth + 1));
    }
    const auto* const items = member(schema, "items");
    if (items == nullptr || !items->is_object()) return out;
    const auto least = number(schema, "minItems").value_or(depth < 4 ? 1 : 0);
    const auto most = number(schema, "maxItems").value_or(1e3);
    const auto count = static_cast<std::size_t>(std::clamp(least, 0.0, std::min(most, 1e3)));
    while (out.size() < count) out.push_back(value(*items, depth + 1));
    return out;
  }

  const Json& root_;
};

}  // namespace

Json value_for(const Json& schema) {
  return Writer(schema).value(schema, 0);
}

}  // namespace dspy::mock
