#include "programs/program_format.hpp"

#include <format>
#include <utility>

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

std::optional<Number> number_member(const JsonObject& written, std::string_view name) {
  const auto* value = written.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number())
    throw Error(Errc::config_error, std::format("`{}` must be a number, not {}", name, to_text(*value)));
  if (value->is_int64()) return value->get_int64();
  return value->to_number<double>();
}

std::optional<std::size_t> count_member(const JsonObject& written, std::string_view name) {
  const auto number = number_member(written, name);
  if (!number) return std::nullopt;
  if (!(number->value() >= 0 && number->value() <= largest_count))
    throw Error(Errc::config_error, std::format("`{}` must be a count, not {}", name, number->value()));
  return static_cast<std::size_t>(number->value());
}

}  // namespace

JsonObject field_to_json(const Field& field) {
  JsonObject out{{"name", field.name}, {"type", to_notation(field.type)}};
  if (field.label != make_field(field.name).label) out["label"] = field.label;
  if (field.default_value) out["default"] = *field.default_value;
  return out;
}

Field field_from_json(const JsonObject& written) {
  auto field = make_field(text_member(written, "name", {}), Type::parse(text_member(written, "type", "str")));
  field.label = text_member(written, "label", field.label);
  // Version 1 wrote limits here; now they are a part of the type.
  Limits limits{.min_length = count_member(written, "min_length"), .max_length = count_member(written, "max_length")};
  if (const auto minimum = number_member(written, "minimum")) limits.ge = *minimum;
  if (const auto maximum = number_member(written, "maximum")) limits.le = *maximum;
  field.type = with_limits(std::move(field.type), limits);
  if (const auto* value = written.if_contains("default")) field.default_value = *value;
  validate(field);
  return field;
}

}  // namespace dspy::program_format
