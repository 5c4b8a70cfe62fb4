#include "starting/sample_values.hpp"

#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/type.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

std::string sample_text(const Field& field, std::size_t number) {
  auto out = std::format("{} {}", field.label.empty() ? field.name : field.label, number + 1);
  const auto& limits = field.limits();
  if (limits.min_length) out.resize(std::max(out.size(), static_cast<std::size_t>(*limits.min_length)), '.');
  if (limits.max_length) out.resize(std::min(out.size(), static_cast<std::size_t>(*limits.max_length)));
  return out;
}

/// Without regard to limits, which `fit` looks at.
std::optional<Json> sample(const Field& field, const Type& type, std::size_t number) {
  switch (type.kind) {
    case Type::Kind::string: return Json(sample_text(field, number));
    case Type::Kind::integer: return Json(static_cast<std::int64_t>(number + 1));
    case Type::Kind::number: return Json(static_cast<double>(number) + 0.5);
    case Type::Kind::boolean: return Json(number % 2 == 0);
    case Type::Kind::any: return Json(sample_text(field, number));
    case Type::Kind::literal: return type.choices[number % type.choices.size()];
    case Type::Kind::date: return Json("2026-11-29");
    case Type::Kind::datetime: return Json("2026-11-29T12:00:00Z");
    case Type::Kind::time: return Json("12:00:00");
    case Type::Kind::duration: return Json("PT1H30M");
    case Type::Kind::optional: return sample(field, type.required(), number);
    case Type::Kind::union_: return sample(field, type.arguments.front(), number);
    case Type::Kind::code: return Json(sample_text(field, number));
    case Type::Kind::list: {
      auto item = sample(field, type.arguments.front(), number);
      if (!item) return std::nullopt;
      return JsonArray{*std::move(item)};
    }
    case Type::Kind::object: {
      auto members = sample_values(*type.members, number);
      if (!members) return std::nullopt;
      return *std::move(members);
    }
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<Json> sample_value(const Field& field, std::size_t number) {
  auto value = sample(field, field.type, number);
  if (!value) return std::nullopt;
  const auto fits = fit(field, *std::move(value));
  return fits ? std::optional(*fits) : std::nullopt;
}

std::optional<JsonObject> sample_values(const std::vector<Field>& fields, std::size_t number) {
  JsonObject out;
  for (const auto& field : fields) {
    auto value = sample_value(field, number);
    if (!value) return std::nullopt;
    out[field.name] = *std::move(value);
  }
  return out;
}

}  // namespace dspy::app
