#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// The inner loops of a search by vector: one query against many rows that lie one behind the other.  Written for the
// processors that matter, picked when the program runs.

namespace dspy::vectors {

/// Bytes of a row of codes: a multiple of this.
constexpr std::size_t code_step = 64;
/// The code of 0; codes are numbers of 8 bits plus this.
constexpr int code_zero = 128;

/// A query in two layers of 8 bits, `64 * high + low`, each padded with zeros to `code_step`.
struct CodedQuery {
  const std::int8_t* high;
  const std::int8_t* low;
};

struct Kernels {
  std::string_view name;

  /// out[i] = rows[i] · query; rows of `size` numbers.
  void (*dot)(const float* rows, std::size_t count, std::size_t size, const float* query, float* out);
  /// out[i] = |rows[i] - query|².
  void (*distance)(const float* rows, std::size_t count, std::size_t size, const float* query, float* out);
  /// The same of numbers of 16 bits (IEEE 754).
  void (*dot_half)(const std::uint16_t* rows, std::size_t count, std::size_t size, const float* query, float* out);
  void (*distance_half)(const std::uint16_t* rows, std::size_t count, std::size_t size, const float* query, float* out);
  /// out[i] = codes[i] · (64 * high + low), exactly, the codes taken as they are; rows of `stride` bytes, at most 64
  /// KiB.
  void (*dot_codes)(const std::uint8_t* codes, std::size_t count, std::size_t stride, CodedQuery query,
                    std::int64_t* out);
  /// codes · query, exactly.
  std::int32_t (*dot_code)(const std::uint8_t* codes, const std::int8_t* query, std::size_t stride);
  bool runs_here;
};

/// All that were compiled, best first; the last runs everywhere.
std::span<const Kernels> all_kernels();
/// The best that runs here.
const Kernels& kernels();

float from_half(std::uint16_t half) noexcept;
/// Rounded to the nearest, ties to even.
std::uint16_t to_half(float value) noexcept;

#ifdef __x86_64__
Kernels kernels_x86_64_v3();
Kernels kernels_x86_64_v4();
Kernels kernels_vnni();
#endif

}  // namespace dspy::vectors
