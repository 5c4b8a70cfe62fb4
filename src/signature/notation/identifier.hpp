#pragma once

#include <cstddef>
#include <string_view>

namespace dspy {

/// True for a Python identifier, in UTF-8: letters of any script, digits and `_`, not beginning with a digit.
/// Characters that Python would normalise (NFKC) do not count.
bool is_identifier(std::string_view text) noexcept;

/// How many bytes at the start of the UTF-8 `text` may be part of an identifier.
std::size_t word_size(std::string_view text) noexcept;

}  // namespace dspy
