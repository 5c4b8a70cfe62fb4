#pragma once

#include "llama/mask/expressions/expression.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::llama::mask {

/// What a number must satisfy.  Bounds are decimal text, so that none is rounded.
struct NumberLimits {
  bool integer = false;  ///< Of 64 bits.
  std::optional<std::string> ge = {};
  std::optional<std::string> gt = {};
  std::optional<std::string> le = {};
  std::optional<std::string> lt = {};
  std::optional<std::string> multiple_of = {};
};

/// The numbers within limits as JSON text.  Without limits a float may have an exponent; with limits it is written out,
/// with at most 20 digits after the point.  A sentence's end if no mask can hold the limits.
std::expected<Expr, std::string> number(Pool& pool, const NumberLimits& limits);

}  // namespace dspy::llama::mask
