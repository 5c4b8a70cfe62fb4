#pragma once

#include "retrieve/embedded/segment.hpp"
#include "retrieve/kernels/kernels.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// Vectors in bytes: a quarter of the memory to read, and a bound on what that costs, so that a search which looks again
// at all that may be among the best finds exactly the best.

namespace dspy::embedded {

/// Writes `stride` codes; the spare ones stand for 0.
CodeScale encode(std::span<const float> vector, std::uint8_t* codes, std::size_t stride);

/// A query beside codes.
class CodeQuery {
 public:
  CodeQuery(std::span<const float> query, std::size_t stride);

  /// query · vector for each of `count` vectors, about.
  void products(const std::uint8_t* codes, const CodeScale* scales, std::size_t count, float* out) const;
  /// One of them, with half of the precision.
  float rough_product(const std::uint8_t* codes, const CodeScale& scale) const {
    const auto sum = kernels_.dot_code(codes, high_.data(), stride_);
    return scale.scale * rough_scale_ * static_cast<float>(sum - vectors::code_zero * high_sum_);
  }
  /// At least the difference between `products` and the truth.
  float error(const CodeScale& scale) const noexcept {
    return length_ * scale.error + rest_ * scale.length + slack_ * scale.length;
  }
  float length() const noexcept { return length_; }

 private:
  const vectors::Kernels& kernels_;
  std::size_t stride_;
  std::vector<std::int8_t> high_, low_;
  std::int32_t high_sum_ = 0;
  std::int64_t sum_ = 0;
  float scale_ = 0, rough_scale_ = 0, length_ = 0, rest_ = 0, slack_ = 0;
};

}  // namespace dspy::embedded
