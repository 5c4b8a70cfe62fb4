#pragma once

#include "dspy/base/json.hpp"
#include "dspy/llama/tool_contract.hpp"
#include "dspy/signature/type.hpp"

#include <expected>
#include <string>
#include <string_view>

// Arguments that are elements, `key_before` key `key_after` value `value_after` each: texts stand as they are, all else
// as JSON, so that only the tool's schema says which is which.

namespace dspy::llama {

/// How a value of a type stands in its element.
enum class ElementText {
  raw,     ///< As it is.
  choice,  ///< One of a few; those that are texts as they are.
  json,
  either,  ///< As JSON if it can be read as such, else as it is.
};

ElementText element_text(const Type& type) noexcept;

/// The type of a tool's arguments, an object; of `any` if a type cannot say it.
Type arguments_type(const ToolDefinition& tool);

/// The value of an argument, or why it has none, as the end of a sentence.
std::expected<Json, std::string> read_element(const Type& arguments, std::string_view key, std::string_view text);

/// Takes elements off the start of `text` as long as there are any; or says what is wrong, as the end of a sentence.
std::expected<JsonObject, std::string> take_elements(std::string_view& text, const ToolFormat& format,
                                                     const Type& arguments);

/// The arguments as elements.
std::string write_elements(const JsonObject& arguments, const ToolFormat& format);

}  // namespace dspy::llama
