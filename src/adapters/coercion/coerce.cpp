#include "adapters/coercion/coerce.hpp"

#include "adapters/coercion/excerpt.hpp"
#include "adapters/coercion/scalars.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit/fit.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <unordered_set>
#include <utility>

namespace dspy {
namespace {

/// As much of a text as a message may show: a reply can be long.
Json start_of(std::string_view text) {
  constexpr std::size_t enough = 80;
  return Json(text.substr(0, enough));
}

}  // namespace

Coerced within_limits(const Field& field, Coerced value) {
  if (!value) {
    value.error().within(field.name);
    return value;
  }
  auto fitted = fit(field, *std::move(value));
  if (fitted) return *std::move(fitted);
  auto relative = fitted.error();
  for (auto& violation : relative) {
    auto& path = violation.path;
    path.erase(0, field.name.size() + (path.substr(field.name.size()).starts_with('.') ? 1 : 0));
  }
  return std::unexpected(Refusal{.reason = to_sentence(relative), .violations = std::move(fitted.error())});
}

void Refusal::within(std::string_view member) {
  for (auto& violation : violations) violation.path = path_within(member, violation.path);
  if (tells_place) reason = to_sentence(violations);
}

void Refusal::within(std::size_t index) {
  for (auto& violation : violations) violation.path = path_within(index, violation.path);
  if (tells_place) reason = to_sentence(violations);
}

std::unexpected<Refusal> refuse(const Json& value, std::string_view complaint, std::string reason) {
  return std::unexpected(Refusal{
      .reason = std::move(reason),
      .violations = {{.path = {}, .rule = "type", .value = value_at_fault(value), .message = std::string(complaint)}}});
}

std::unexpected<Refusal> refuse(const Json& value, std::string_view complaint) {
  constexpr std::size_t longest = 60;
  const auto text = value.is_string() ? std::string(view(value.get_string())) : to_text(value);
  return refuse(value, complaint, std::format("`{}` {}", excerpt(text, longest), complaint));
}

std::unexpected<Refusal> refuse(std::string_view text, std::string_view complaint) {
  return refuse(start_of(text), complaint);
}

std::unexpected<Refusal> refuse(std::string_view text, std::string_view complaint, std::string reason) {
  return refuse(start_of(text), complaint, std::move(reason));
}

void drop_repeats(const Type& type, JsonArray& items, Repairs& repairs) {
  if (!type.limits->unique_items) return;
  std::unordered_set<std::string> known;
  JsonArray out;
  out.reserve(items.size());
  for (auto& item : items) {
    if (known.insert(to_text(item)).second) out.push_back(std::move(item));
  }
  if (out.size() != items.size()) repairs.take("repeated_item");
  items = std::move(out);
}

void note_defaults(const Type& object, const JsonObject& members, Repairs& repairs) {
  for (const auto& member : *object.members) {
    if (member.default_value && !member.default_value->is_null() && !members.contains(member.name))
      repairs.take("defaulted");
  }
}

bool takes_null(const Type& type) noexcept {
  return type.is_optional() || type.kind == Type::Kind::null_ || type.kind == Type::Kind::any ||
         (type.kind == Type::Kind::union_ && std::ranges::any_of(type.arguments, takes_null));
}

bool is_null_word(std::string_view text) noexcept {
  const auto word = peel(text);
  if (word.empty()) return true;
  for (const std::string_view candidate : {"none", "null", "n/a"}) {
    if (text::equals_ignoring_case(word, candidate)) return true;
  }
  return false;
}

Coerced coerce(const Field& field, std::string_view text, Repairs& repairs) {
  // Most outputs are text without limits, which fits unchanged.
  if (field.type.kind == Type::Kind::string && !field.type.limits.is_set() && field.validators.empty())
    return Json(text);
  const auto mark = repairs.mark();
  auto value = within_limits(field, coerce_text(field.type, text, repairs));
  if (value) return value;
  repairs.forget(mark);

  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos || !is_scalar(field.type.required())) return value;
  // A second value in what follows would make it a guess.
  for (auto rest = text.substr(line_end + 1); !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = text::trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const bool is_value = !line.empty() && coerce_text(field.type.required(), line, repairs);
    repairs.forget(mark);
    if (is_value) return value;
  }
  auto first = within_limits(field, coerce_text(field.type, text::trim(text.substr(0, line_end)), repairs));
  if (!first) {
    repairs.forget(mark);
    return value;
  }
  repairs.take("trailing_text");
  return first;
}

Coerced coerce(const Field& field, Json json, Repairs& repairs) {
  const auto mark = repairs.mark();
  auto value = within_limits(field, coerce_json(field.type, std::move(json), repairs));
  if (!value) repairs.forget(mark);
  return value;
}

}  // namespace dspy
