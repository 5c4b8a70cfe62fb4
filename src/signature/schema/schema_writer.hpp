#pragma once

#include "dspy/signature/json_schema.hpp"

#include <string>
#include <string_view>
#include <vector>

// Writes types as JSON Schema 2020-12 in full.  A dialect then removes what it does not support.

namespace dspy::json_schema {

/// Definitions are under `$defs`; a type that refers to itself is one of them.
ExportedSchema write(const Type& type);
ExportedSchema write(const std::vector<Field>& fields);

/// `lines` and `price` → `lines.price`.
std::string join_path(std::string_view path, std::string_view member);

/// The start of every `$ref` that this library writes.
inline constexpr std::string_view definitions = "#/$defs/";

}  // namespace dspy::json_schema
