#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::llama::jinja {

/// How many bytes the string at the start of `text` takes, with its quotes; nothing if it has no end.
std::optional<std::size_t> string_size(std::string_view text) noexcept;

/// What stands between quotes, with its escapes resolved as Python does; what is not an escape stays as it is.
std::string string_value(std::string_view inside);

}  // namespace dspy::llama::jinja
