#pragma once

#include <cstddef>
#include <string_view>

// Recognizes members of a JSON object without reading them.

namespace dspy {

/// True for a quotation mark, a colon, and what may begin a value: part of a member, as no prose has it.
bool has_quoted_key(std::string_view text) noexcept;

/// True if a key follows the `{` at `at`, or was to follow it: a quoted one, or a word with a colon or a quotation mark
/// after it.
bool begins_object(std::string_view text, std::size_t at) noexcept;

/// True if members follow an object, as if it had been closed too early.
bool continues_object(std::string_view after) noexcept;

/// True if the text goes on with items of a list: `, 2]}`.
bool continues_list(std::string_view after) noexcept;

}  // namespace dspy
