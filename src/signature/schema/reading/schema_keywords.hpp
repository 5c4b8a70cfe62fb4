#pragma once

#include <span>
#include <string_view>

// The keywords of JSON Schema 2020-12: those that are read, those that say nothing about values, and those that no type
// can express.

namespace dspy::json_schema {

/// True for keywords that say nothing about values.
bool is_annotation(std::string_view keyword) noexcept;

/// The keywords that constrain values and can be read.
std::span<const std::string_view> assertions() noexcept;

/// What to do instead of using a keyword that no type can express; null for any other keyword.
const std::string_view* remedy_for(std::string_view keyword) noexcept;

}  // namespace dspy::json_schema
