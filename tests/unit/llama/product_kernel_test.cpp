#include "kernel_threads.hpp"
#include "llama/kernels/product.hpp"
#include "llama/kernels/product_strips.hpp"
#include "llama/kernels/target.hpp"
#include "support/weight_blocks.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace dspy::llama::kernels {
namespace {

std::vector<WeightType> all_types() {
  std::vector<WeightType> types;
  for (int type = 0; type < weight_types; ++type) types.push_back(static_cast<WeightType>(type));
  return types;
}

bool is_float(WeightType type) {
  return type == WeightType::f16 || type == WeightType::bf16;
}

/// Random weights in blocks, and inputs.
struct Problem {
  Problem(WeightType of, int row_count, int column_count, int blocks, int expert_count = 1)
      : type(of),
        rows(row_count),
        columns(column_count),
        length(blocks * block_size(of).weights),
        experts(expert_count) {
    std::mt19937 random(1);
    std::normal_distribution<float> number(0, 1);
    stored = test::random_blocks(type, static_cast<std::size_t>(rows * blocks * expert_count), random);
    inputs.resize(static_cast<std::size_t>(columns * length));
    for (auto& input : inputs) input = number(random);
    out.assign(static_cast<std::size_t>(columns * out_stride()), 99);
  }

  std::size_t row_bytes() const {
    return static_cast<std::size_t>(length / block_size(type).weights) * block_size(type).bytes;
  }
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

  /// `row` counts on through the experts.
  double weight(std::ptrdiff_t row, std::ptrdiff_t k) const {
    const auto block = block_size(type);
    const auto* const start = stored.data() + static_cast<std::size_t>(row) * row_bytes() +
                              static_cast<std::size_t>(k / block.weights) * block.bytes;
    return test::WeightBlock(type, start).weight(k % block.weights);
  }

  /// An input as the kernels round it.
  double rounded(std::ptrdiff_t column, std::ptrdiff_t k) const {
    const int span = test::WeightBlock::span(type);
    const auto* const start = inputs.data() + column * length + k / span * span;
    if (is_float(type)) return double{start[k % span]};
    float largest = 0;
    for (int i = 0; i < span; ++i) largest = std::max(largest, std::abs(start[i]));
    if (largest == 0) return 0;
    return double{std::nearbyint(start[k % span] * (127.0F / largest))} * double{largest / 127.0F};
  }

  double expected(std::ptrdiff_t row, std::ptrdiff_t column) const {
    double sum = 0;
    for (std::ptrdiff_t k = 0; k < length; ++k) sum += weight(row, k) * rounded(column, k);
    return sum;
  }
  struct Exact {
    double product = 0;
    double size = 0;  ///< What rounding of floats is relative to.
  };
  /// Of each row, of every expert, for each column in turn; every weight and input is decoded once.
  std::vector<Exact> exact() const {
    const auto all_rows = rows * experts;
    std::vector<double> weights, rounded_inputs;
    for (std::ptrdiff_t row = 0; row < all_rows; ++row)
      for (std::ptrdiff_t k = 0; k < length; ++k) weights.push_back(weight(row, k));
    for (std::ptrdiff_t column = 0; column < columns; ++column)
      for (std::ptrdiff_t k = 0; k < length; ++k) rounded_inputs.push_back(rounded(column, k));
    std::vector<Exact> all(static_cast<std::size_t>(all_rows * columns));
    auto* at = all.data();
    for (std::ptrdiff_t column = 0; column < columns; ++column) {
      for (std::ptrdiff_t row = 0; row < all_rows; ++row, ++at) {
        const auto *const left = weights.data() + row * length, *const right = rounded_inputs.data() + column * length;
        for (std::ptrdiff_t k = 0; k < length; ++k) {
          at->product += left[k] * right[k];
          at->size += std::abs(left[k] * right[k]);
        }
      }
    }
    return all;
  }

  WeightType type;
  std::ptrdiff_t rows, columns, length, experts;
  std::vector<std::byte> stored;
  std::vector<float> inputs, out;
};

void run(const Target& target, const Product& product, int threads = 1) {
  test::on_threads(threads, product_scratch(product), [&](std::byte* scratch, int* next) {
    Units units{.next = next, .taken = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)};
    target.multiply(product, scratch, threads, units);
  });
}

/// Of each kind of processor that this one is.
void for_each_kernel(const auto& check) {
  for (const auto& target : targets()) {
    for (const auto type : all_types()) {
      CAPTURE(std::string(target.name));
      CAPTURE(std::string(name_of(type)));
      check(target, type);
    }
  }
}

TEST_CASE("products of weights of every format with rounded inputs" * doctest::skip(!can_multiply())) {
  struct Case {
    int rows, columns, blocks;
  };
  const Case cases[] = {{1, 1, 1},  {16, 1, 2}, {17, 1, 3}, {7, 2, 1},   {100, 3, 2}, {33, 7, 4},
                        {48, 8, 3}, {20, 9, 4}, {16, 5, 1}, {40, 65, 2}, {31, 130, 1}};
  for (const auto type : all_types()) {
    CAPTURE(std::string(name_of(type)));
    for (const auto& [rows, columns, blocks] : cases) {
      CAPTURE(rows);
      CAPTURE(columns);
      Problem problem(type, rows, columns, is_float(type) ? blocks * 4 : blocks);
      const auto exact = problem.exact();
      for (const auto& target : targets()) {
        CAPTURE(std::string(target.name));
        for (const int threads : {1, 3}) {
          std::ranges::fill(problem.out, 99.0F);
          run(target, problem.product(), threads);
          double worst = 0;
          for (int column = 0; column < columns; ++column) {
            const auto* const got = problem.out.data() + column * problem.out_stride();
            for (int row = 0; row < rows; ++row) {
              const auto& wanted = exact[static_cast<std::size_t>(column * rows + row)];
              worst = std::max(worst, std::abs(double{got[row]} - wanted.product) / wanted.size);
            }
            CHECK(got[rows] == 99);  // nothing is written past a column's end
          }
          CHECK(worst < 2e-6);
        }
      }
    }
  }
}

TEST_CASE("a long row, more than a pass of columns, and the largest numbers" * doctest::skip(!can_multiply())) {
  for_each_kernel([&](const Target& target, WeightType type) {
    Problem problem(type, 18, 40, 16384 / block_size(type).weights);
    // Every product of two bytes at its largest, all of one sign.
    for (std::size_t i = 0; i < problem.inputs.size(); ++i)
      problem.inputs[i] = problem.weight(0, static_cast<std::ptrdiff_t>(i) % problem.length) < 0 ? -1.0F : 1.0F;
    run(target, problem.product());
    CHECK(double{problem.out[0]} == doctest::Approx(problem.expected(0, 0)).epsilon(1e-5));
    CHECK(double{problem.out[static_cast<std::size_t>(39 * problem.out_stride())]} ==
          doctest::Approx(problem.expected(0, 39)).epsilon(1e-5));
  });
}

TEST_CASE("what comes out for a column does not depend on the columns beside it, to the bit" *
          doctest::skip(!can_multiply())) {
  for_each_kernel([&](const Target& target, WeightType type) {
    Problem problem(type, 50, 75, is_float(type) ? 64 : 3);
    run(target, problem.product());
    for (int column = 0; column < 75; ++column) {
      CAPTURE(column);
      std::vector<float> out(50, 99);
      auto alone = problem.product();
      alone.inputs += static_cast<std::size_t>(column) * alone.input_column_stride;
      alone.columns = 1;
      alone.out = reinterpret_cast<std::byte*>(out.data());
      run(target, alone);
      CHECK(std::ranges::equal(
          out, std::span(problem.out).subspan(static_cast<std::size_t>(column * problem.out_stride()), out.size())));
    }
  });
}

TEST_CASE("what is not a number stays none, in its column" * doctest::skip(!can_multiply())) {
  for_each_kernel([&](const Target& target, WeightType type) {
    for (const float odd : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      for (const int columns : {1, 3}) {
        CAPTURE(columns);
        Problem problem(type, 18, columns, is_float(type) ? 8 : 2);
        problem.inputs[40] = odd;
        run(target, problem.product());
        CHECK_FALSE(std::isfinite(problem.out[5]));
        if (columns > 1) CHECK(std::isfinite(problem.out[static_cast<std::size_t>(problem.out_stride()) + 5]));
      }
    }
  });
}

TEST_CASE("inputs of zero, and next to it, give zeros" * doctest::skip(!can_multiply())) {
  for_each_kernel([&](const Target& target, WeightType type) {
    Problem problem(type, 18, 3, is_float(type) ? 8 : 2);
    std::ranges::fill(problem.inputs, 0.0F);
    problem.inputs[70] = 1e-40F;
    run(target, problem.product());
    for (int column = 0; column < 3; ++column)
      for (int row = 0; row < 18; ++row)
        CHECK(std::abs(problem.out[static_cast<std::size_t>(column * problem.out_stride() + row)]) < 1e-36F);
  });
}

TEST_CASE("a mixture of experts: every token gets the products of those it chose" * doctest::skip(!can_multiply())) {
  constexpr int experts = 5, slots = 2, tokens = 23, rows = 37;
  for (const auto type : all_types()) {
    CAPTURE(std::string(name_of(type)));
    for (const bool own_inputs : {false, true}) {
      Problem problem(type, rows, tokens * slots, is_float(type) ? 4 : 1, experts);
      // Expert 3 is chosen by nobody, expert 1 by every token.
      std::vector<std::int32_t> chosen;
      for (int token = 0; token < tokens; ++token) {
        chosen.push_back(token % 3 == 0 ? 0 : token % 3 == 1 ? 2 : 4);
        chosen.push_back(1);
      }
      ExpertProduct all{.product = problem.product(),
                        .expert_stride = problem.row_bytes() * rows,
                        .experts = experts,
                        .slots = slots,
                        .chosen = reinterpret_cast<const std::byte*>(chosen.data()),
                        .chosen_token_stride = slots * sizeof(std::int32_t),
                        .input_slot_stride = own_inputs ? problem.product().input_column_stride : 0,
                        .out_slot_stride = problem.product().out_column_stride};
      all.product.columns = tokens;
      all.product.input_column_stride *= slots;
      all.product.out_column_stride *= slots;
      const auto exact = problem.exact();
      for (const int threads : {1, 3}) {
        std::ranges::fill(problem.out, 99.0F);
        test::on_threads(threads, product_scratch(all),
                         [&](std::byte* scratch, int* next) { multiply(all, scratch, next, threads); });
        double worst = 0;
        for (int column = 0; column < tokens * slots; ++column) {
          const auto input = own_inputs ? column : column / slots * slots;
          for (int row = 0; row < rows; ++row) {
            const auto weights = chosen[static_cast<std::size_t>(column)] * rows + row;
            const double got = double{problem.out[static_cast<std::size_t>(column * problem.out_stride() + row)]};
            const auto& wanted = exact[static_cast<std::size_t>(input * experts * rows + weights)];
            worst = std::max(worst, std::abs(got - wanted.product) / wanted.size);
          }
        }
        CHECK(worst < 2e-6);
      }
    }
  }
}

}  // namespace
}  // namespace dspy::llama::kernels
