#pragma once

#include "dspy/base/json.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

// Pieces of JSON text, for code that writes a record without making its JSON first.

namespace dspy {

/// Appends `text` as a JSON string.
void append_json_string(std::string& out, std::string_view text);

/// Appends what `to_text` returns for an object, without a value that holds a copy of it.
void append_text(std::string& out, const JsonObject& members);

template <std::integral T>
void append_integer(std::string& out, T number) {
  std::array<char, 24> digits;
  const auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

}  // namespace dspy
