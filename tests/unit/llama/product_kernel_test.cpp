#include "kernel_threads.hpp"
#include "llama/kernels/product.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

namespace dspy::llama::kernels {
namespace {

using Half = _Float16;

/// Random weights in blocks, and inputs.
struct Problem {
  Problem(WeightType of, int row_count, int column_count, int row_length, unsigned seed = 1)
      : type(of), rows(row_count), columns(column_count), length(row_length) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> byte(0, 255);
    std::normal_distribution<float> number(0, 1);
    stored.resize(static_cast<std::size_t>(rows) * row_bytes());
    for (std::size_t at = 0; at < stored.size(); at += block_bytes(type)) {
      const auto scale = static_cast<Half>(0.01F + 0.001F * static_cast<float>(byte(random)));
      std::memcpy(&stored[at], &scale, sizeof scale);
      for (std::size_t i = 2; i < block_bytes(type); ++i) stored[at + i] = static_cast<std::byte>(byte(random));
    }
    inputs.resize(static_cast<std::size_t>(columns * length));
    for (auto& input : inputs) input = number(random);
    out.assign(static_cast<std::size_t>(columns * out_stride()), 99);
  }

  std::size_t row_bytes() const { return static_cast<std::size_t>(length / weight_block) * block_bytes(type); }
  std::ptrdiff_t out_stride() const { return rows + 5; }

  Product product() {
    return {.type = type,
            .weights = stored.data(),
            .weight_row_stride = row_bytes(),
            .inputs = reinterpret_cast<const std::byte*>(inputs.data()),
            .input_column_stride = static_cast<std::size_t>(length) * sizeof(float),
            .out = reinterpret_cast<std::byte*>(out.data()),
            .out_column_stride = static_cast<std::size_t>(out_stride()) * sizeof(float),
            .rows = static_cast<int>(rows),
            .columns = static_cast<int>(columns),
            .length = static_cast<int>(length)};
  }

  /// As ggml's documentation of the formats has it.
  double weight(std::ptrdiff_t row, std::ptrdiff_t k) const {
    const auto* const block = stored.data() + static_cast<std::size_t>(row) * row_bytes() +
                              static_cast<std::size_t>(k / weight_block) * block_bytes(type);
    Half scale{};
    std::memcpy(&scale, block, sizeof scale);
    const auto i = k % weight_block;
    const auto byte_at = [&](std::ptrdiff_t place) { return std::to_integer<int>(block[place]); };
    const auto nibble = [&](std::ptrdiff_t start) {
      return i < 16 ? byte_at(start + i) & 15 : byte_at(start + i - 16) >> 4;
    };
    int whole = 0;
    switch (type) {
      case WeightType::q8_0: whole = (byte_at(2 + i) ^ 128) - 128; break;
      case WeightType::q4_0: whole = nibble(2) - 8; break;
      case WeightType::q5_0: whole = (nibble(6) | (byte_at(2 + i / 8) >> i % 8 & 1) << 4) - 16; break;
    }
    return static_cast<double>(scale) * whole;
  }

  /// An input as Q8_0 keeps it.
  double rounded(std::ptrdiff_t column, std::ptrdiff_t k) const {
    const auto* const block = inputs.data() + column * length + k / weight_block * weight_block;
    float largest = 0;
    for (int i = 0; i < weight_block; ++i) largest = std::max(largest, std::abs(block[i]));
    if (largest == 0) return 0;
    const float whole = std::nearbyint(block[k % weight_block] * (127.0F / largest));
    return static_cast<double>(whole) * static_cast<double>(static_cast<Half>(largest / 127.0F));
  }

  double expected(std::ptrdiff_t row, std::ptrdiff_t column) const {
    double sum = 0;
    for (std::ptrdiff_t k = 0; k < length; ++k) sum += weight(row, k) * rounded(column, k);
    return sum;
  }

  WeightType type;
  std::ptrdiff_t rows, columns, length;
  std::vector<std::byte> stored;
  std::vector<float> inputs, out;
};

void run(const Product& product, int threads = 1) {
  test::on_threads(threads, product_scratch(product),
                   [&](std::byte* scratch, int* next) { multiply(product, scratch, next, threads); });
}

constexpr WeightType types[] = {WeightType::q8_0, WeightType::q5_0, WeightType::q4_0};

TEST_CASE("products of weights in blocks with rounded inputs" * doctest::skip(!can_multiply())) {
  struct Case {
    int rows, columns, length;
  };
  const Case cases[] = {{1, 1, 32},    {16, 1, 64},   {17, 1, 96},  {7, 2, 32},   {100, 3, 64},
                        {33, 7, 128},  {48, 8, 896},  {20, 9, 256}, {64, 64, 64}, {20, 40, 20480},
                        {40, 65, 160}, {31, 130, 32}, {300, 16, 64}};
  for (const auto type : types) {
    for (const auto& [rows, columns, length] : cases) {
      CAPTURE(static_cast<int>(type));
      CAPTURE(rows);
      CAPTURE(columns);
      CAPTURE(length);
      Problem problem(type, rows, columns, length);
      for (const int threads : {1, 3}) {
        std::ranges::fill(problem.out, 99.0F);
        run(problem.product(), threads);
        double worst = 0;
        for (int column = 0; column < columns; ++column) {
          for (int row = 0; row < rows; ++row) {
            const double got = double{problem.out[static_cast<std::size_t>(column * problem.out_stride() + row)]};
            worst = std::max(worst, std::abs(got - problem.expected(row, column)));
          }
          // Nothing is written past a column's end.
          CHECK(problem.out[static_cast<std::size_t>(column * problem.out_stride() + rows)] == 99);
        }
        CHECK(worst < 2e-4 * std::sqrt(length));
      }
    }
  }
}

TEST_CASE("what comes out for a column does not depend on the columns beside it, to the bit" *
          doctest::skip(!can_multiply())) {
  for (const auto type : types) {
    Problem problem(type, 50, 75, 224);
    run(problem.product());
    for (int column = 0; column < 75; ++column) {
      CAPTURE(column);
      std::vector<float> out(50, 99);
      auto alone = problem.product();
      alone.inputs += static_cast<std::size_t>(column) * alone.input_column_stride;
      alone.columns = 1;
      alone.out = reinterpret_cast<std::byte*>(out.data());
      run(alone);
      CHECK(std::ranges::equal(
          out, std::span(problem.out).subspan(static_cast<std::size_t>(column * problem.out_stride()), out.size())));
    }
  }
}

TEST_CASE("what is no number stays none, in its column" * doctest::skip(!can_multiply())) {
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    for (const int columns : {1, 3}) {
      CAPTURE(columns);
      Problem problem(WeightType::q8_0, 18, columns, 64);
      problem.inputs[40] = odd;
      run(problem.product());
      CHECK(std::isnan(problem.out[5]));
      if (columns > 1) CHECK(std::isfinite(problem.out[static_cast<std::size_t>(problem.out_stride()) + 5]));
    }
  }
}

TEST_CASE("inputs of zero, and next to it, give zeros" * doctest::skip(!can_multiply())) {
  for (const auto type : types) {
    Problem problem(type, 18, 3, 64);
    std::ranges::fill(problem.inputs, 0.0F);
    problem.inputs[70] = 1e-40F;
    run(problem.product());
    for (int column = 0; column < 3; ++column)
      for (int row = 0; row < 18; ++row)
        CHECK(problem.out[static_cast<std::size_t>(column * problem.out_stride() + row)] == 0);
  }
}

}  // namespace
}  // namespace dspy::llama::kernels
