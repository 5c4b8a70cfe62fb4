#pragma once

#include <cstddef>
#include <string_view>

namespace dspy {

/// True for an identifier as Python has it, in UTF-8: letters of any script, digits and `_`, not beginning with a
/// digit.  Characters that Python would turn into others (NFKC) are none.
bool is_identifier(std::string_view text) noexcept;

/// How many bytes at the start of `text`, which is UTF-8, may stand within an identifier.
std::size_t word_size(std::string_view text) noexcept;

}  // namespace dspy
