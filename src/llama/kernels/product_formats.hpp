// How weights lie in ggml's blocks.  Included by the text of the products.
//
// A format is cut into spans: weights in a row that share a scale, and for which inputs share one as well.  What a span
// adds to a product is scale · Σ (weight − middle) · input + minimum · Σ input, where the weights are whole numbers
// without a sign.  (Where the processor multiplies bytes with signs, those of eight bits keep theirs, and have no
// middle.)
#pragma once

#include "llama/kernels/product.hpp"
#include "llama/kernels/vectors.hpp"

namespace dspy::llama::kernels {
namespace {

/// Four values of each of the 16 places of a table.
inline constexpr std::int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
/// Twice the values of four bits with two for the exponent.
inline constexpr std::int8_t mxfp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// A table whose values were moved up by `middle`.
DSPY_INLINE Bytes table_of(const std::int8_t (&values)[16], int middle) {
  return repeated(values) + static_cast<std::uint8_t>(middle);
}

/// The bits at `first` (0 or 16) to `first` + 15 of the word that `part` begins with become 16 bytes of 0 or `value`.
DSPY_INLINE Bytes bits_of(Bytes part, int first, std::uint8_t value) {
  alignas(16) constexpr std::uint8_t places[2][16] = {{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1},
                                                      {2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3}};
  alignas(16) constexpr std::uint8_t masks[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const auto mask = repeated(masks);
  const auto bits = look_up(part, repeated(places[first / 16])) & mask;
  return as<Bytes>(bits == mask) & value;
}

/// The 16 bytes at `at` of every row, as four words.
struct Head {
  DSPY_INLINE Head(const std::byte* const* rows, Index at) {
    Bytes word[4];
    for (Index k = 0; k < 4; ++k) word[k] = parts_of(rows + k, at);
    transpose(word[0], word[1], word[2], word[3]);
    for (Index k = 0; k < 4; ++k) words[k] = as<Words>(word[k]);
  }
  Words words[4];
};

DSPY_INLINE Floats small(Words words) {
  return to_floats(as<Ints>(words));
}

struct Simple {  ///< Blocks of 32 weights with a half float each.
  static constexpr Index weights = 32, span = 32, chunks = 1, pieces = 2;
  static constexpr bool has_minimum = false;
  DSPY_INLINE static void scales(const std::byte* const* rows, Index at, Floats* scale, Floats*) {
    scale[0] = halves(Head(rows, at).words[0] & 0xFFFF);
  }
  static constexpr Index place(Index piece) { return piece; }
};

/// Per kind: its blocks; `scales` of the spans of a strip's block that is `at` bytes from the rows' beginnings; `read`,
/// which gives the pieces (16 weights) of a chunk for four rows' sake; and `place`, where in a block the nth piece that
/// `read` gives stands.
template <WeightType>
struct Format;

template <>
struct Format<WeightType::q8_0> : Simple {
  static constexpr Index bytes = 34;
  static constexpr int bits = 8, middle = eight_bits_have_sign ? 0 : 128;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index, Bytes* piece) {
    piece[0] = parts_of(rows, at + 2) ^ static_cast<std::uint8_t>(middle);
    piece[1] = parts_of(rows, at + 18) ^ static_cast<std::uint8_t>(middle);
  }
};

DSPY_INLINE void read_nibbles(const std::byte* const* rows, Index at, Bytes* piece) {
  const auto both = parts_of(rows, at);
  piece[0] = both & 15;
  piece[1] = shifted(both, 4);
}

template <>
struct Format<WeightType::q4_0> : Simple {
  static constexpr Index bytes = 18;
  static constexpr int bits = 4, middle = 8;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index, Bytes* piece) {
    read_nibbles(rows, at + 2, piece);
  }
};

template <>
struct Format<WeightType::q5_0> : Simple {
  static constexpr Index bytes = 22;
  static constexpr int bits = 5, middle = 16;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index, Bytes* piece) {
    read_nibbles(rows, at + 6, piece);
    const auto fifth = parts_of(rows, at + 2);
    piece[0] |= bits_of(fifth, 0, 16);
    piece[1] |= bits_of(fifth, 16, 16);
  }
};

struct WithMinimum : Simple {
  static constexpr bool has_minimum = true;
  static constexpr int middle = 0;
  DSPY_INLINE static void scales(const std::byte* const* rows, Index at, Floats* scale, Floats* minimum) {
    const Head head(rows, at);
    scale[0] = halves(head.words[0] & 0xFFFF);
    minimum[0] = halves(head.words[0] >> 16);
  }
};

template <>
struct Format<WeightType::q4_1> : WithMinimum {
  static constexpr Index bytes = 20;
  static constexpr int bits = 4;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index, Bytes* piece) {
    read_nibbles(rows, at + 4, piece);
  }
};

template <>
struct Format<WeightType::q5_1> : WithMinimum {
  static constexpr Index bytes = 24;
  static constexpr int bits = 5;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index, Bytes* piece) {
    read_nibbles(rows, at + 8, piece);
    const auto fifth = parts_of(rows, at + 4);
    piece[0] |= bits_of(fifth, 0, 16);
    piece[1] |= bits_of(fifth, 16, 16);
  }
};

template <>
struct Format<WeightType::iq4_nl> : Simple {
  static constexpr Index bytes = 18;
  static constexpr int bits = 8, middle = eight_bits_have_sign ? 0 : 128;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index, Bytes* piece) {
    read_nibbles(rows, at + 2, piece);
    const auto table = table_of(iq4_values, middle);
    piece[0] = look_up(table, piece[0]);
    piece[1] = look_up(table, piece[1]);
  }
};

template <>
struct Format<WeightType::mxfp4> : Simple {
  static constexpr Index bytes = 17;
  static constexpr int bits = 5, middle = 12;
  /// A power of two, from its exponent; halved, since the table's values are doubled.
  DSPY_INLINE static void scales(const std::byte* const* rows, Index at, Floats* scale, Floats*) {
    const Words exponent = Head(rows, at).words[0] & 0xFF;
    const Words tiny = (Words{} + 0x0020'0000U) << exponent;
    const auto is_tiny = as<Words>(exponent < 2U);
    scale[0] = as<Floats>((is_tiny & tiny) | (~is_tiny & ((exponent - 1U) << 23)));
  }
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index, Bytes* piece) {
    read_nibbles(rows, at + 1, piece);
    const auto table = table_of(mxfp4_values, middle);
    piece[0] = look_up(table, piece[0]);
    piece[1] = look_up(table, piece[1]);
  }
};

struct Large {  ///< Blocks of 256 weights.
  static constexpr Index weights = 256;
};

struct WithScalesOfSixBits : Large {
  static constexpr Index span = 32, chunks = 4, pieces = 4;
  static constexpr bool has_minimum = true;
  static constexpr int middle = 0;
  static constexpr Index place(Index piece) { return piece; }

  /// A block begins with a scale and a minimum for all, and eight of each for its spans in twelve bytes.
  DSPY_INLINE static void scales(const std::byte* const* rows, Index at, Floats* scale, Floats* minimum) {
    const Head head(rows, at);
    const auto [factors, low_scales, low_minima, rest] = head.words;
    const Floats factor = halves(factors & 0xFFFF);
    const Floats subtracted = -halves(factors >> 16);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Words s = low_scales >> 8 * i, m = low_minima >> 8 * i, r = rest >> 8 * i;
      scale[i] = factor * small(s & 63);
      minimum[i] = subtracted * small(m & 63);
      scale[i + 4] = factor * small((r & 15) | (s >> 2 & 48));
      minimum[i + 4] = subtracted * small((r >> 4 & 15) | (m >> 2 & 48));
    }
  }
};

template <>
struct Format<WeightType::q4_k> : WithScalesOfSixBits {
  static constexpr Index bytes = 144;
  static constexpr int bits = 4;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index chunk, Bytes* piece) {
    for (Index half = 0; half < 2; ++half) {
      const auto both = parts_of(rows, at + 16 + chunk * 32 + half * 16);
      piece[half] = both & 15;
      piece[half + 2] = shifted(both, 4);
    }
  }
};

template <>
struct Format<WeightType::q5_k> : WithScalesOfSixBits {
  static constexpr Index bytes = 176;
  static constexpr int bits = 5;
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index chunk, Bytes* piece) {
    for (Index half = 0; half < 2; ++half) {
      const auto both = parts_of(rows, at + 48 + chunk * 32 + half * 16);
      const auto fifth = as<Bytes>(as<Shorts>(parts_of(rows, at + 16 + half * 16)) >>
                                   static_cast<std::uint16_t>(2 * chunk));
      piece[half] = (both & 15) | as<Bytes>(as<Shorts>(fifth & 1) << std::uint16_t{4});
      piece[half + 2] = shifted(both, 4) | as<Bytes>(as<Shorts>(fifth & 2) << std::uint16_t{3});
    }
  }
};

template <>
struct Format<WeightType::q6_k> : Large {
  static constexpr Index bytes = 210, span = 16, chunks = 4, pieces = 4;
  static constexpr bool has_minimum = false;
  static constexpr int bits = 6, middle = 32;
  /// Each half of a block has 8 pieces; a chunk takes every other.
  static constexpr Index place(Index piece) { return piece / 8 * 8 + piece % 8 / 4 + piece % 4 * 2; }

  DSPY_INLINE static void scales(const std::byte* const* rows, Index at, Floats* scale, Floats*) {
    const Head head(rows, at + 192);
    const Floats factor = halves(Head(rows, at + 194).words[3] >> 16);
#pragma GCC unroll 16
    for (Index piece = 0; piece < 16; ++piece) {
      const auto byte = static_cast<int>(place(piece));
      scale[piece] = factor * to_floats(as<Ints>(head.words[byte / 4] << (24 - byte % 4 * 8)) >> 24);
    }
  }
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index chunk, Bytes* piece) {
    const Index half = chunk / 2, part = chunk % 2 * 16;
    const auto first = parts_of(rows, at + half * 64 + part);
    const auto second = parts_of(rows, at + half * 64 + 32 + part);
    const auto high = parts_of(rows, at + 128 + half * 32 + part);
    piece[0] = (first & 15) | as<Bytes>(as<Shorts>(high & 0x03) << std::uint16_t{4});
    piece[1] = (second & 15) | as<Bytes>(as<Shorts>(high & 0x0C) << std::uint16_t{2});
    piece[2] = shifted(first, 4) | (high & 0x30);
    piece[3] = shifted(second, 4) | as<Bytes>(as<Shorts>(high & 0xC0) >> std::uint16_t{2});
  }
};

template <>
struct Format<WeightType::iq4_xs> : Large {
  static constexpr Index bytes = 136, span = 32, chunks = 8, pieces = 2;
  static constexpr bool has_minimum = false;
  static constexpr int bits = 8, middle = eight_bits_have_sign ? 0 : 128;
  static constexpr Index place(Index piece) { return piece; }
  DSPY_INLINE static void scales(const std::byte* const* rows, Index at, Floats* scale, Floats*) {
    const Head head(rows, at);
    const Floats factor = halves(head.words[0] & 0xFFFF);
    const Words high = head.words[0] >> 16;
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const Words six = (head.words[1] >> 4 * i & 15) | (high >> 2 * i & 3) << 4;
      scale[i] = factor * to_floats(as<Ints>(six) - 32);
    }
  }
  DSPY_INLINE static void read(const std::byte* const* rows, Index at, Index chunk, Bytes* piece) {
    read_nibbles(rows, at + 8 + chunk * 16, piece);
    const auto table = table_of(iq4_values, middle);
    piece[0] = look_up(table, piece[0]);
    piece[1] = look_up(table, piece[1]);
  }
};

}  // namespace
}  // namespace dspy::llama::kernels
