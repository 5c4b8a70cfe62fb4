#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/type.hpp"
#include "llama/mask/grammars/values.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The limits of types in the terms of grammars.

namespace dspy::llama::mask {

inline NumberLimits number_limits(const Type& type) {
  const auto decimal = [](const std::optional<Number>& number) {
    return number ? std::optional(to_text(*number)) : std::nullopt;
  };
  const auto& limits = *type.limits;
  return {.integer = type.kind == Type::Kind::integer,
          .ge = decimal(limits.ge),
          .gt = decimal(limits.gt),
          .le = decimal(limits.le),
          .lt = decimal(limits.lt),
          .multiple_of = decimal(limits.multiple_of)};
}

inline TextLimits text_limits(const Limits& limits) {
  TextLimits out{.min_length = limits.min_length.value_or(0), .max_length = limits.max_length.value_or(SIZE_MAX)};
  if (!limits.pattern.empty()) out.patterns.push_back(limits.pattern.text());
  return out;
}

inline Values::Size size_of(const Limits& limits) {
  return {.min = limits.min_length.value_or(0), .max = limits.max_length.value_or(SIZE_MAX)};
}

/// The text of a choice without quotes.
inline std::string name_of(const Json& choice) {
  return choice.is_string() ? std::string(view(choice.get_string())) : to_text(choice);
}

/// The values of a type, if it has few.
inline std::vector<Json> few_values(const Type& type) {
  if (!type.limits->one_of.empty()) return type.limits->one_of;
  if (type.kind == Type::Kind::literal) return type.choices;
  if (type.kind == Type::Kind::boolean) return {false, true};
  return {};
}

}  // namespace dspy::llama::mask
