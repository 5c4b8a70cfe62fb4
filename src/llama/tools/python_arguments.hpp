#pragma once

#include "dspy/base/json.hpp"

#include <expected>
#include <string>
#include <string_view>

// Arguments as Python writes them, `key=value` with commas between them.  A key that is not a name in Python stands in
// quotes, so that no key can be read as something else.

namespace dspy::llama {

/// The key of an argument, with the sign after it.
std::string python_key(std::string_view key);

/// Takes arguments up to the closing bracket off the start of `text`, and the bracket; or says what is wrong, as the
/// end of a sentence.  Values are literals of Python or JSON; `**{…}` adds the members of an object.
std::expected<JsonObject, std::string> take_python_arguments(std::string_view& text);

/// The arguments, without brackets.
std::string write_python_arguments(const JsonObject& arguments);

}  // namespace dspy::llama
