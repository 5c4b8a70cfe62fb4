#include "dspy/base/hash.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace dspy {
namespace {

// Odd numbers with as many ones as zeros: the fractional parts of the square roots of 2, 3 and 5, made odd.
constexpr std::uint64_t first = 0x6A09E667F3BCC909;
constexpr std::uint64_t second = 0xBB67AE8584CAA73B;
constexpr std::uint64_t third = 0x3C6EF372FE94F82B;

std::uint64_t read_word(const char* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
  return word;
}

/// Both halves of the product of two words, folded onto each other: every bit of both affects every bit.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const auto product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

// Two chains of folded multiplications over sixteen bytes each, as in Yann Collet's XXH3 and Wang Yi's wyhash.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) noexcept {
  auto a = seed ^ first, b = seed ^ second;
  const auto length = static_cast<std::uint64_t>(bytes.size());
  const auto* at = bytes.data();
  auto left = bytes.size();
  for (; left >= 32; left -= 32, at += 32) {
    a = fold(read_word(at) ^ a, read_word(at + 8) ^ second);
    b = fold(read_word(at + 16) ^ b, read_word(at + 24) ^ third);
  }
  std::array<char, 32> rest = {};
  if (left > 0) std::memcpy(rest.data(), at, left);
  a = fold(read_word(rest.data()) ^ a, read_word(rest.data() + 8) ^ second);
  b = fold(read_word(rest.data() + 16) ^ b, read_word(rest.data() + 24) ^ third);
  return fold(a ^ length, b ^ third) ^ fold(b + first, a ^ second);
}

}  // namespace dspy
