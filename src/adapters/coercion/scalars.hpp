#pragma once

#include "adapters/coercion/coerce.hpp"
#include "dspy/signature/type.hpp"

namespace dspy {

/// The text of a number, boolean or literal as a value of that type.  All of it must be the
/// value, but for quotes, emphasis and a full stop around it.
Coerced coerce_scalar(const Type& type, std::string_view text, Repairs& repairs);

/// `text` without quotes, backticks and emphasis around it, and without a final `.`, `,`, `;` or `!`.
std::string_view peel(std::string_view text) noexcept;

inline bool is_scalar(const Type& type) noexcept {
  using enum Type::Kind;
  return type.kind == integer || type.kind == number || type.kind == boolean || type.kind == literal;
}

}  // namespace dspy
