#include "dspy/signature/field.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "fit.hpp"
#include "notation.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {
namespace {

std::size_t count_characters(std::string_view text) noexcept {
  const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

std::optional<std::string> outside_range(const Field& field, const Json& value) {
  const double number = value.is_int64() ? static_cast<double>(value.get_int64()) : value.get_double();
  if (field.minimum && number < *field.minimum)
    return std::format("is {}, below the minimum {}", number, *field.minimum);
  if (field.maximum && number > *field.maximum)
    return std::format("is {}, above the maximum {}", number, *field.maximum);
  return std::nullopt;
}

std::optional<std::string> outside_length(const Field& field, std::size_t length, std::string_view unit) {
  const auto plural = length == 1 ? "" : "s";
  if (field.min_length && length < *field.min_length)
    return std::format("has {} {}{}, below the minimum {}", length, unit, plural, *field.min_length);
  if (field.max_length && length > *field.max_length)
    return std::format("has {} {}{}, above the maximum {}", length, unit, plural, *field.max_length);
  return std::nullopt;
}

/// True if a hand-made type has the parts that its kind needs.
bool is_whole(const Type& type) {
  using enum Type::Kind;
  const std::size_t arguments = type.kind == dict ? 2 : type.kind == list || type.kind == optional ? 1 : 0;
  return type.arguments.size() == arguments && type.choices.empty() == (type.kind != literal) &&
         std::ranges::all_of(type.arguments, is_whole);
}

bool is_number(const Type& type) noexcept {
  return type.kind == Type::Kind::integer || type.kind == Type::Kind::number;
}

bool has_length(const Type& type) noexcept {
  return type.kind == Type::Kind::string || type.kind == Type::Kind::list || type.kind == Type::Kind::dict;
}

/// What is wrong with a field, and the remedy.
std::optional<std::string> problem_of(const Field& field) {
  if (field.label.empty()) return "has no label; build fields with `make_field`, which derives it from the name";
  if (field.label.find_first_of("\r\n") != std::string::npos) return "has a label of several lines; make it one line";
  if (text::invalid_utf8(field.label) || text::invalid_utf8(field.description))
    return "has a label or description that is not UTF-8; save the text as UTF-8";
  if (!is_whole(field.type)) return "has an incomplete type; build types with `Type::list` and its siblings";

  const auto& type = field.type.required();
  if ((field.minimum || field.maximum) && !is_number(type))
    return std::format("has a minimum or maximum, but is a `{}`; only `int` and `float` have a range",
                       to_notation(type));
  if ((field.min_length || field.max_length) && !has_length(type))
    return std::format("has a length limit, but is a `{}`; only `str`, `list` and `dict` have a length",
                       to_notation(type));
  if ((field.minimum && std::isnan(*field.minimum)) || (field.maximum && std::isnan(*field.maximum)))
    return "has a limit that is not a number";
  if (field.minimum && field.maximum && *field.minimum > *field.maximum)
    return std::format("has the minimum {} above its maximum {}; swap them", *field.minimum, *field.maximum);
  if (field.min_length && field.max_length && *field.min_length > *field.max_length)
    return std::format("has the minimum length {} above its maximum {}; swap them", *field.min_length,
                       *field.max_length);
  if (field.default_value) {
    auto value = *field.default_value;
    if (const auto reason = fit_in_place(field, value))
      return std::format("has a default that {}; choose one that is valid", *reason);
  }
  return std::nullopt;
}

void require_identifier(const std::string& name) {
  if (is_identifier(name)) return;
  throw Error(Errc::signature_error,
              std::format("`{}` is no field name; use ASCII letters, digits and `_`, and do not start with a digit",
                          shown(Json(name))));
}

}  // namespace

Field make_field(std::string name, Type type, std::string description) {
  require_identifier(name);
  auto label = text::to_words(name);
  return {.name = std::move(name),
          .type = std::move(type),
          .description = std::move(description),
          .label = std::move(label)};
}

void validate(const Field& field) {
  require_identifier(field.name);
  if (const auto problem = problem_of(field))
    throw Error(Errc::signature_error, std::format("the field `{}` {}", field.name, *problem));
}

std::optional<std::string> fit_in_place(const Field& field, Json& value) {
  if (auto reason = fit_in_place(field.type, value)) return reason;
  switch (value.kind()) {
    case boost::json::kind::int64:
    case boost::json::kind::double_: return outside_range(field, value);
    case boost::json::kind::string:
      if (!field.min_length && !field.max_length) return std::nullopt;  // counting a long text takes time
      return outside_length(field, count_characters(view(value.get_string())), "character");
    case boost::json::kind::array: return outside_length(field, value.get_array().size(), "item");
    case boost::json::kind::object: return outside_length(field, value.get_object().size(), "item");
    default: return std::nullopt;
  }
}

std::expected<Json, Mismatch> fit(const Field& field, Json value) {
  if (auto reason = fit_in_place(field, value)) return std::unexpected(Mismatch{*std::move(reason)});
  return value;
}

}  // namespace dspy
