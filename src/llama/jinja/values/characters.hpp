#pragma once

#include "llama/jinja/values/text.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

// Texts as Python's `str` has them: characters, not bytes.

namespace dspy::llama::jinja {

/// How many characters; a byte that belongs to none counts as one.
std::size_t length(std::string_view text) noexcept;
/// Where the character with that number begins; the end if there are fewer.
std::size_t offset(std::string_view text, std::size_t character) noexcept;
/// The size of the character at the start, at least 1.
std::size_t first_size(std::string_view text) noexcept;

enum class Side { left, right, both };
/// Without the characters of `what` at the ends; without white space if `what` is null.
Text stripped(const Text& text, Side side, const std::string_view* what);
/// As `str.split`: at runs of white space, or at each `separator` if it is not null; at most `most` cuts (negative:
/// all).
std::vector<Text> split(const Text& text, const std::string_view* separator, long most);
std::vector<Text> split_from_right(const Text& text, const std::string_view* separator, long most);
std::vector<Text> lines(const Text& text);
/// At most `most` times (negative: always).
Text replaced(const Text& text, std::string_view from, const Text& to, long most);
/// Letters of ASCII; others stay.
std::string upper(std::string_view text);
std::string lower(std::string_view text);

}  // namespace dspy::llama::jinja
