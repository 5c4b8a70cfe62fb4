#include "dspy/signature/example.hpp"

#include "dspy/signature/signature.hpp"
#include "signature/types/media_marks.hpp"

#include <algorithm>

namespace dspy {
namespace {

JsonObject pick(const JsonObject& data, const std::vector<std::string>& keys) {
  JsonObject out;
  out.reserve(keys.size());
  for (const auto& key : keys) {
    if (const auto* value = data.if_contains(key)) out.emplace(key, *value);
  }
  return out;
}

JsonObject to_object(std::initializer_list<std::pair<std::string_view, JsonRef>> data) {
  JsonObject out;
  out.reserve(data.size());
  for (const auto& [key, value] : data) out[key] = value;
  return out;
}

std::vector<std::string> names_of(const std::vector<Field>& fields) {
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const auto& field : fields) names.push_back(field.name);
  return names;
}

}  // namespace

Example::Example(JsonObject values, std::vector<std::string> inputs)
    : data(std::move(values)), input_keys(std::move(inputs)) {
  for (const auto& member : data) {
    if (!std::ranges::contains(input_keys, std::string_view(member.key()))) output_keys.emplace_back(member.key());
  }
}

Example::Example(std::initializer_list<std::pair<std::string_view, JsonRef>> values,
                 std::initializer_list<std::string_view> inputs)
    : Example(to_object(values), std::vector<std::string>(inputs.begin(), inputs.end())) {}

Example::Example(JsonObject values, std::vector<std::string> inputs, std::vector<std::string> outputs)
    : data(std::move(values)), input_keys(std::move(inputs)), output_keys(std::move(outputs)) {}

Example::Example(std::initializer_list<std::pair<std::string_view, JsonRef>> values,
                 std::initializer_list<std::string_view> inputs, std::initializer_list<std::string_view> outputs)
    : Example(to_object(values), std::vector<std::string>(inputs.begin(), inputs.end()),
              std::vector<std::string>(outputs.begin(), outputs.end())) {}

void Example::take_sides(const Signature& signature) {
  input_keys = names_of(signature.inputs);
  output_keys = names_of(signature.outputs);
  for (const auto* const side : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *side) {
      if (auto* const value = data.if_contains(field.name)) restore_media(field.type, *value);
    }
  }
}

JsonObject Example::inputs() const {
  return pick(data, input_keys);
}

JsonObject Example::outputs() const {
  return pick(data, output_keys);
}

const Json* Example::get(std::string_view key) const noexcept {
  return data.if_contains(key);
}

void Example::set(std::string_view key, Json value) {
  data[key] = std::move(value);
  if (!std::ranges::contains(input_keys, key) && !std::ranges::contains(output_keys, key))
    output_keys.emplace_back(key);
}

}  // namespace dspy
