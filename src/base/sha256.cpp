#include "dspy/base/sha256.hpp"

#include "base/sha256_blocks.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace dspy {
namespace {

using sha256_blocks::State;

constexpr std::size_t block_bytes = 64;

// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
constexpr State initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

}  // namespace

std::string sha256(std::string_view bytes) {
  static const auto natively = sha256_blocks::absorb_natively();
  const auto absorb = natively != nullptr ? natively : sha256_blocks::absorb_portably;
  auto state = initial;
  const auto whole = bytes.size() / block_bytes * block_bytes;
  absorb(state, bytes.substr(0, whole));

  // What is left, a bit, zeros, and the length in bits: one block, or two.
  const auto rest = bytes.substr(whole);
  std::array<char, 2 * block_bytes> last = {};
  std::ranges::copy(rest, last.begin());
  last[rest.size()] = static_cast<char>(0x80);
  const auto used = rest.size() + 1 + sizeof(std::uint64_t) <= block_bytes ? block_bytes : 2 * block_bytes;
  const auto bits = std::uint64_t{bytes.size()} * 8;
  for (std::size_t i = 0; i < sizeof bits; ++i) last[used - 1 - i] = static_cast<char>(bits >> (8 * i));
  absorb(state, {last.data(), used});

  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(64);
  for (const auto word : state) {
    for (int shift = 28; shift >= 0; shift -= 4) out += digits[word >> shift & 15];
  }
  return out;
}

}  // namespace dspy
