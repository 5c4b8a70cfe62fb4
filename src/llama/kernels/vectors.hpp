// The vectors of the processor that a file is compiled for, and the few operations on them that no language has.
// Included by the texts of the kernels; everything is local to the file that includes it, so that the linker cannot put
// code for one kind of processor into another's place.  For the same reason nothing here calls the standard library.
//
// A vector of bytes is thought of as one, two or four parts of 16 bytes.  Its parts come from rows that lie four apart:
// four such vectors then hold all rows of a strip, and a transposition within the parts turns them into words of all
// rows, in order.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __x86_64__
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif

namespace dspy::llama::kernels {
namespace {

using Index = std::ptrdiff_t;

#ifdef __AVX512BW__
constexpr Index vector_bytes = 64;
#elif defined(__AVX2__)
constexpr Index vector_bytes = 32;
#else
constexpr Index vector_bytes = 16;
#endif

constexpr Index lanes = vector_bytes / 4;  ///< Also the rows of a strip.
constexpr Index parts = vector_bytes / 16;

using Bytes = std::uint8_t __attribute__((vector_size(vector_bytes)));
using Shorts = std::uint16_t __attribute__((vector_size(vector_bytes)));
using Ints = std::int32_t __attribute__((vector_size(vector_bytes)));
using Words = std::uint32_t __attribute__((vector_size(vector_bytes)));
using Floats = float __attribute__((vector_size(vector_bytes)));

#define DSPY_INLINE [[gnu::always_inline]] inline

/// Bits as they are, of another kind.
template <class To, class From>
DSPY_INLINE To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

template <class T>
DSPY_INLINE T load(const void* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

DSPY_INLINE void store(const auto& value, void* to) {
  __builtin_memcpy(to, &value, sizeof value);
}

DSPY_INLINE Floats to_floats(Ints whole) {
  return __builtin_convertvector(whole, Floats);
}

/// sum + a · b, rounded once.  Said outright, since compilers choose for themselves where they fuse, and not alike.
DSPY_INLINE Floats fused(Floats sum, Floats a, Floats b) {
#ifdef __AVX512BW__
  return as<Floats>(_mm512_fmadd_ps(as<__m512>(a), as<__m512>(b), as<__m512>(sum)));
#elif defined(__AVX2__)
  return as<Floats>(_mm256_fmadd_ps(as<__m256>(a), as<__m256>(b), as<__m256>(sum)));
#else
  return as<Floats>(vfmaq_f32(as<float32x4_t>(sum), as<float32x4_t>(a), as<float32x4_t>(b)));
#endif
}

DSPY_INLINE Floats all_lanes(float value) {
  return as<Floats>(Ints{} + __builtin_bit_cast(std::int32_t, value));
}

/// A byte for each byte, moved down; `n` is known when this is compiled.
DSPY_INLINE Bytes shifted(Bytes bytes, int n) {
  return as<Bytes>(as<Shorts>(bytes) >> static_cast<std::uint16_t>(n)) & (Bytes{} + static_cast<std::uint8_t>(0xFF >> n));
}

/// 16 bytes at `offset` of `rows[0]`, `rows[4]` and so on.
DSPY_INLINE Bytes parts_of(const std::byte* const* rows, Index offset) {
#ifdef __AVX512BW__
  const auto part = [&](Index i) { return load<__m128i>(rows[i * 4] + offset); };
  const auto low = _mm256_inserti128_si256(_mm256_castsi128_si256(part(0)), part(1), 1);
  const auto high = _mm256_inserti128_si256(_mm256_castsi128_si256(part(2)), part(3), 1);
  return as<Bytes>(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
#elif defined(__AVX2__)
  const auto part = [&](Index i) { return load<__m128i>(rows[i * 4] + offset); };
  return as<Bytes>(_mm256_inserti128_si256(_mm256_castsi128_si256(part(0)), part(1), 1));
#else
  return load<Bytes>(rows[0] + offset);
#endif
}

/// The same 16 bytes in every part.
DSPY_INLINE Bytes repeated(const void* sixteen) {
#ifdef __AVX512BW__
  return as<Bytes>(_mm512_broadcast_i32x4(load<__m128i>(sixteen)));
#elif defined(__AVX2__)
  return as<Bytes>(_mm256_broadcastsi128_si256(load<__m128i>(sixteen)));
#else
  return load<Bytes>(sixteen);
#endif
}

/// Within each part, the bytes of `table` that `places` (0 to 15) name.
DSPY_INLINE Bytes look_up(Bytes table, Bytes places) {
#ifdef __AVX512BW__
  return as<Bytes>(_mm512_shuffle_epi8(as<__m512i>(table), as<__m512i>(places)));
#elif defined(__AVX2__)
  return as<Bytes>(_mm256_shuffle_epi8(as<__m256i>(table), as<__m256i>(places)));
#else
  return as<Bytes>(vqtbl1q_u8(as<uint8x16_t>(table), as<uint8x16_t>(places)));
#endif
}

/// Within each part: elements of `a` and `b` in turn, of the lower or the higher half.
#ifdef __AVX512BW__
#define DSPY_IN_TURN(name, x512, x256, neon, kind) \
  DSPY_INLINE Bytes name(Bytes a, Bytes b) { return as<Bytes>(x512(as<__m512i>(a), as<__m512i>(b))); }
#elif defined(__AVX2__)
#define DSPY_IN_TURN(name, x512, x256, neon, kind) \
  DSPY_INLINE Bytes name(Bytes a, Bytes b) { return as<Bytes>(x256(as<__m256i>(a), as<__m256i>(b))); }
#else
#define DSPY_IN_TURN(name, x512, x256, neon, kind) \
  DSPY_INLINE Bytes name(Bytes a, Bytes b) { return as<Bytes>(neon(as<kind>(a), as<kind>(b))); }
#endif
DSPY_IN_TURN(low_shorts, _mm512_unpacklo_epi16, _mm256_unpacklo_epi16, vzip1q_u16, uint16x8_t)
DSPY_IN_TURN(high_shorts, _mm512_unpackhi_epi16, _mm256_unpackhi_epi16, vzip2q_u16, uint16x8_t)
DSPY_IN_TURN(low_words, _mm512_unpacklo_epi32, _mm256_unpacklo_epi32, vzip1q_u32, uint32x4_t)
DSPY_IN_TURN(high_words, _mm512_unpackhi_epi32, _mm256_unpackhi_epi32, vzip2q_u32, uint32x4_t)
DSPY_IN_TURN(low_pairs, _mm512_unpacklo_epi64, _mm256_unpacklo_epi64, vzip1q_u64, uint64x2_t)
DSPY_IN_TURN(high_pairs, _mm512_unpackhi_epi64, _mm256_unpackhi_epi64, vzip2q_u64, uint64x2_t)
#undef DSPY_IN_TURN

/// Four vectors whose parts are four words of a row become four words of all rows.
DSPY_INLINE void transpose(Bytes& a, Bytes& b, Bytes& c, Bytes& d) {
  const auto ab_low = low_words(a, b), ab_high = high_words(a, b);
  const auto cd_low = low_words(c, d), cd_high = high_words(c, d);
  a = low_pairs(ab_low, cd_low);
  b = high_pairs(ab_low, cd_low);
  c = low_pairs(ab_high, cd_high);
  d = high_pairs(ab_high, cd_high);
}

/// The half floats in the lower halves of words.
DSPY_INLINE Floats halves(Words words) {
#ifdef __AVX512BW__
  return as<Floats>(_mm512_cvtph_ps(_mm512_cvtepi32_epi16(as<__m512i>(words))));
#elif defined(__AVX2__)
  const auto low = as<__m256i>(words & 0xFFFF);
  const auto packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0x08);
  return as<Floats>(_mm256_cvtph_ps(_mm256_castsi256_si128(packed)));
#else
  return as<Floats>(vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(as<uint32x4_t>(words)))));
#endif
}

/// Four vectors, each the sums of a row in its parts, become the sums of all rows.
DSPY_INLINE Ints added_up(Ints a, Ints b, Ints c, Ints d) {
  const auto ab = as<Ints>(low_words(as<Bytes>(a), as<Bytes>(b))) + as<Ints>(high_words(as<Bytes>(a), as<Bytes>(b)));
  const auto cd = as<Ints>(low_words(as<Bytes>(c), as<Bytes>(d))) + as<Ints>(high_words(as<Bytes>(c), as<Bytes>(d)));
  return as<Ints>(low_pairs(as<Bytes>(ab), as<Bytes>(cd))) + as<Ints>(high_pairs(as<Bytes>(ab), as<Bytes>(cd)));
}

/// How many numbers of `Bits` bits times bytes of ±127 may be added up in 16 bits, two at a time.
template <int Bits>
constexpr Index most_in_short = Bits == 4 ? 8 : Bits == 5 ? 4 : Bits == 6 ? 2 : 1;

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__ARM_FEATURE_MATMUL_INT8)
/// Weights of eight bits are multiplied without a sign: half of their range was added.  Those of fewer always are.
constexpr bool eight_bits_have_sign = false;
#else
constexpr bool eight_bits_have_sign = true;
#endif

/// Sums of products of four weights and four inputs a lane, exact.
template <int Bits>
class Sum {
 public:
  DSPY_INLINE Sum() {}
  DSPY_INLINE explicit Sum(Ints start) : words_(start) {}

  /// `inputs` are bytes of ±127; `step` counts from 0 to `steps`, and both are known when this is compiled.
  DSPY_INLINE void add(Bytes weights, Bytes inputs, [[maybe_unused]] Index step, [[maybe_unused]] Index steps) {
#if defined(__AVX512VNNI__)
    words_ = as<Ints>(_mm512_dpbusd_epi32(as<__m512i>(words_), as<__m512i>(weights), as<__m512i>(inputs)));
#elif defined(__AVXVNNI__)
    words_ = as<Ints>(_mm256_dpbusd_avx_epi32(as<__m256i>(words_), as<__m256i>(weights), as<__m256i>(inputs)));
#elif defined(__x86_64__)
    constexpr Index most = most_in_short<Bits>;
    const auto pairs = pairs_of(weights, inputs);
    shorts_ = step % most == 0 ? pairs : shorts_ + pairs;
    if (step % most == most - 1 || step == steps - 1) {
#ifdef __AVX512BW__
      words_ += as<Ints>(_mm512_madd_epi16(as<__m512i>(shorts_), _mm512_set1_epi16(1)));
#else
      words_ += as<Ints>(_mm256_madd_epi16(as<__m256i>(shorts_), _mm256_set1_epi16(1)));
#endif
    }
#elif defined(__ARM_FEATURE_MATMUL_INT8)
    words_ = as<Ints>(vusdotq_s32(as<int32x4_t>(words_), as<uint8x16_t>(weights), as<int8x16_t>(inputs)));
#else
    words_ = as<Ints>(vdotq_s32(as<int32x4_t>(words_), as<int8x16_t>(weights), as<int8x16_t>(inputs)));
#endif
  }

  DSPY_INLINE Ints value() const { return words_; }

 private:
#if defined(__x86_64__) && !defined(__AVX512VNNI__) && !defined(__AVXVNNI__)
  DSPY_INLINE static Shorts pairs_of(Bytes weights, Bytes inputs) {
#ifdef __AVX512BW__
    auto w = as<__m512i>(weights);
    auto x = as<__m512i>(inputs);
    if constexpr (Bits == 8) {
      x = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w), _mm512_setzero_si512(), x);
      w = _mm512_abs_epi8(w);
    }
    return as<Shorts>(_mm512_maddubs_epi16(w, x));
#else
    auto w = as<__m256i>(weights);
    auto x = as<__m256i>(inputs);
    if constexpr (Bits == 8) {
      x = _mm256_sign_epi8(x, w);
      w = _mm256_abs_epi8(w);
    }
    return as<Shorts>(_mm256_maddubs_epi16(w, x));
#endif
  }

  Shorts shorts_{};
#endif
  Ints words_{};
};

}  // namespace
}  // namespace dspy::llama::kernels
