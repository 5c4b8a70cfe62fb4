#include "modules/program_format.hpp"

#include <format>

namespace dspy::program_format {
namespace {

constexpr double largest_count = 9007199254740992.0;  // 2^53

std::string text_member(const JsonObject& written, std::string_view name, std::string fallback) {
  const auto* value = written.if_contains(name);
  if (value == nullptr) return fallback;
  if (!value->is_string())
    throw Error(Errc::config_error, std::format("`{}` must be text, not {}", name, to_text(*value)));
  return std::string(view(value->get_string()));
}

std::optional<double> number_member(const JsonObject& written, std::string_view name) {
  const auto* value = written.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number())
    throw Error(Errc::config_error, std::format("`{}` must be a number, not {}", name, to_text(*value)));
  return value->to_number<double>();
}

std::optional<std::size_t> count_member(const JsonObject& written, std::string_view name) {
  const auto number = number_member(written, name);
  if (!number) return std::nullopt;
  if (!(*number >= 0 && *number <= largest_count))
    throw Error(Errc::config_error, std::format("`{}` must be a count, not {}", name, *number));
  return static_cast<std::size_t>(*number);
}

}  // namespace

JsonObject field_to_json(const Field& field) {
  JsonObject out{{"name", field.name}, {"type", to_notation(field.type)}};
  if (field.label != make_field(field.name).label) out["label"] = field.label;
  if (field.minimum) out["minimum"] = *field.minimum;
  if (field.maximum) out["maximum"] = *field.maximum;
  if (field.min_length) out["min_length"] = *field.min_length;
  if (field.max_length) out["max_length"] = *field.max_length;
  if (field.default_value) out["default"] = *field.default_value;
  return out;
}

Field field_from_json(const JsonObject& written) {
  auto field = make_field(text_member(written, "name", {}), Type::parse(text_member(written, "type", "str")));
  field.label = text_member(written, "label", field.label);
  field.minimum = number_member(written, "minimum");
  field.maximum = number_member(written, "maximum");
  field.min_length = count_member(written, "min_length");
  field.max_length = count_member(written, "max_length");
  if (const auto* value = written.if_contains("default")) field.default_value = *value;
  validate(field);
  return field;
}

}  // namespace dspy::program_format
