#include "dspy/base/base64.hpp"

#include <array>
#include <cstdint>

namespace dspy::base64 {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t none = 0xFF;

constexpr auto values = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(none);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}();

constexpr std::uint8_t value_of(char c) noexcept {
  return values[static_cast<unsigned char>(c)];
}

}  // namespace

std::string encode(std::span<const std::byte> bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < count ? static_cast<std::uint32_t>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += j <= count ? alphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

std::optional<std::size_t> decoded_size(std::string_view text) noexcept {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const auto digits = text.substr(0, text.size() - padding);
  for (const char c : digits) {
    if (value_of(c) == none) return std::nullopt;
  }
  // The bits that padding leaves over must be zero, so that each value has one spelling.
  if (padding != 0 && (value_of(digits.back()) & (padding == 1 ? 3 : 15)) != 0) return std::nullopt;
  return text.size() / 4 * 3 - padding;
}

std::optional<std::vector<std::byte>> decode(std::string_view text) {
  const auto size = decoded_size(text);
  if (!size) return std::nullopt;
  std::vector<std::byte> out;
  out.reserve(*size);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | value_of(c);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<std::byte>(bits >> count & 0xFF));
  }
  return out;
}

}  // namespace dspy::base64
