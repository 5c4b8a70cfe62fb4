#include "base/sha256_blocks.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace dspy::sha256_blocks {
namespace {

constexpr std::size_t block_bytes = 64;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t word_at(const char* bytes) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return std::endian::native == std::endian::little ? std::byteswap(word) : word;
}

void absorb_block(State& state, const char* block) noexcept {
  std::array<std::uint32_t, 64> words;
  for (std::size_t i = 0; i < 16; ++i) words[i] = word_at(block + 4 * i);
  for (std::size_t i = 16; i < 64; ++i) {
    const auto before15 = words[i - 15];
    const auto before2 = words[i - 2];
    words[i] = words[i - 16] + words[i - 7] + (std::rotr(before15, 7) ^ std::rotr(before15, 18) ^ before15 >> 3) +
               (std::rotr(before2, 17) ^ std::rotr(before2, 19) ^ before2 >> 10);
  }

  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t i = 0; i < 64; ++i) {
    const auto first =
        h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + words[i];
    const auto second = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  const State round = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += round[i];
}

#if defined(__x86_64__)

// In the lanes of a register, lowest first: the state as F E B A and H G D C, which the instructions want; words and
// constants in their order.
__attribute__((target("sha,sse4.1"))) void absorb_x86(State& state, std::string_view blocks) noexcept {
  const auto swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const auto abcd = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&state[0]));
  const auto efgh = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&state[4]));
  const auto badc = _mm_shuffle_epi32(abcd, 0xb1);
  const auto hgfe = _mm_shuffle_epi32(efgh, 0x1b);
  auto feba = _mm_alignr_epi8(badc, hgfe, 8);
  auto hgdc = _mm_blend_epi16(hgfe, badc, 0xf0);

  for (const auto* block = blocks.data(); block != blocks.data() + blocks.size(); block += block_bytes) {
    const auto feba_before = feba;
    const auto hgdc_before = hgdc;
    __m128i words[4];
    for (std::size_t i = 0; i < 4; ++i)
      words[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * i)), swap);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) {
      auto& now = words[i % 4];
      const auto sum = _mm_add_epi32(now, _mm_loadu_si128(reinterpret_cast<const __m128i*>(&constants[4 * i])));
      hgdc = _mm_sha256rnds2_epu32(hgdc, feba, sum);
      feba = _mm_sha256rnds2_epu32(feba, hgdc, _mm_shuffle_epi32(sum, 0x0e));
      if (i >= 12) continue;
      const auto before7 = _mm_alignr_epi8(words[(i + 3) % 4], words[(i + 2) % 4], 4);
      now = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, words[(i + 1) % 4]), before7),
                                 words[(i + 3) % 4]);
    }
    feba = _mm_add_epi32(feba, feba_before);
    hgdc = _mm_add_epi32(hgdc, hgdc_before);
  }

  const auto abef = _mm_shuffle_epi32(feba, 0x1b);
  const auto ghcd = _mm_shuffle_epi32(hgdc, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&state[0]), _mm_blend_epi16(abef, ghcd, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&state[4]), _mm_alignr_epi8(ghcd, abef, 8));
}

bool has_instructions() noexcept {
  constexpr unsigned ssse3 = 1U << 9, sse41 = 1U << 19, sha = 1U << 29;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & ssse3) == 0 || (c & sse41) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & sha) != 0;
}

#endif

}  // namespace

void absorb_portably(State& state, std::string_view blocks) noexcept {
  for (std::size_t at = 0; at < blocks.size(); at += block_bytes) absorb_block(state, blocks.data() + at);
}

Absorb absorb_natively() noexcept {
#if defined(__x86_64__)
  static const bool is_here = has_instructions();
  return is_here ? absorb_x86 : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace dspy::sha256_blocks
