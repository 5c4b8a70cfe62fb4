#include "retrieve/embedded/codes.hpp"

#include "retrieve/kernels/kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace dspy::embedded {
namespace {

constexpr int code_limit = 127;
/// 64 * high + low, where low stays within [-32, 32].
constexpr int layer = 64;
constexpr int query_limit = layer * code_limit;

double largest(std::span<const float> vector) {
  double most = 0;
  for (const float x : vector) most = std::max(most, std::abs(double{x}));
  return most;
}

/// Rounded up, since it is a bound.
float at_least(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

}  // namespace

CodeScale encode(std::span<const float> vector, std::uint8_t* codes, std::size_t stride) {
  const auto scale = static_cast<float>(largest(vector) / code_limit);
  double missed = 0, length = 0;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const auto wanted = scale > 0 ? std::lround(double{vector[i]} / double{scale}) : 0;
    const auto code = std::clamp<long>(wanted, -code_limit, code_limit);
    codes[i] = static_cast<std::uint8_t>(code + vectors::code_zero);
    const double stands_for = double{scale} * static_cast<double>(code);
    missed += (double{vector[i]} - stands_for) * (double{vector[i]} - stands_for);
    length += stands_for * stands_for;
  }
  std::fill(codes + vector.size(), codes + stride, static_cast<std::uint8_t>(vectors::code_zero));
  return {.scale = scale, .error = at_least(std::sqrt(missed)), .length = at_least(std::sqrt(length))};
}

CodeQuery::CodeQuery(std::span<const float> query, std::size_t stride)
    : kernels_(vectors::kernels()), stride_(stride), high_(stride), low_(stride) {
  const double scale = largest(query) / query_limit;
  double rest = 0, length = 0;
  for (std::size_t i = 0; i < query.size(); ++i) {
    const auto whole = scale > 0 ? std::lround(double{query[i]} / scale) : 0;
    const auto high = std::lround(static_cast<double>(whole) / layer);
    high_[i] = static_cast<std::int8_t>(high);
    low_[i] = static_cast<std::int8_t>(whole - high * layer);
    high_sum_ += static_cast<std::int32_t>(high);
    sum_ += whole;
    const double missed = double{query[i]} - scale * static_cast<double>(whole);
    rest += missed * missed;
    length += double{query[i]} * double{query[i]};
  }
  scale_ = static_cast<float>(scale);
  rough_scale_ = scale_ * layer;
  length_ = at_least(std::sqrt(length));
  rest_ = at_least(std::sqrt(rest));
  slack_ = length_ * 1e-5F;  // of arithmetic in floats, here and in the exact products
}

void CodeQuery::products(const std::uint8_t* codes, const CodeScale* scales, std::size_t count, float* out) const {
  std::array<std::int64_t, 64> sums;
  for (std::size_t start = 0; start < count; start += sums.size()) {
    const auto now = std::min(sums.size(), count - start);
    kernels_.dot_codes(codes + start * stride_, now, stride_, {high_.data(), low_.data()}, sums.data());
    for (std::size_t i = 0; i < now; ++i)
      out[start + i] = scales[start + i].scale * scale_ * static_cast<float>(sums[i] - vectors::code_zero * sum_);
  }
}

}  // namespace dspy::embedded
