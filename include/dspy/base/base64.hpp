#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Bytes as text (RFC 4648, the alphabet with `+` and `/`, padded).

namespace dspy::base64 {

std::string encode(std::span<const std::byte> bytes);

/// Nothing unless the text is exactly what `encode` would write for some bytes.
std::optional<std::vector<std::byte>> decode(std::string_view text);

/// The number of bytes that the text decodes to; nothing if `decode` would refuse it.
std::optional<std::size_t> decoded_size(std::string_view text) noexcept;

}  // namespace dspy::base64
