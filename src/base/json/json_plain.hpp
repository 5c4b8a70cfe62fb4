#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dspy {

/// The first byte from `i` on that a JSON string cannot contain unescaped, several bytes at a time where possible.
inline std::size_t skip_plain(std::string_view text, std::size_t i) noexcept {
#ifdef __SSE2__
  const auto quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), below_space = _mm_set1_epi8(0x1f);
  for (; i + 16 <= text.size(); i += 16) {
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
    const auto is_control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, below_space), bytes);
    const auto is_special = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(is_control, is_special)));
    if (found != 0) return i + static_cast<std::size_t>(std::countr_zero(found));
  }
#endif
  constexpr std::uint64_t each = 0x0101010101010101;
  constexpr auto has_zero = [](std::uint64_t word) { return (word - each) & ~word & 0x80 * each; };
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    const auto control = (word - 0x20 * each) & ~word & 0x80 * each;
    if ((control | has_zero(word ^ '"' * each) | has_zero(word ^ '\\' * each)) != 0) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) >= 0x20 && text[i] != '"' && text[i] != '\\') ++i;
  return i;
}

}  // namespace dspy
