#include "kernel_threads.hpp"
#include "llama/kernels/attention.hpp"
#include "llama/kernels/target.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

namespace dspy::llama::kernels {
namespace {

using Half = _Float16;

struct Shape {
  int tokens = 1, heads = 1, key_heads = 1, cells = 1, key_length = 32, value_length = 32;
  CellType type = CellType::f16;
  double seen = 0.7;  ///< The part of the cells that a token sees.
  float spread = 1;   ///< Of queries: the larger, the farther apart the scores.
};

/// For cells of a kind the kernels do not know: halves, with every bit turned round.
void read_turned(const void* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, static_cast<const std::byte*>(from) + i * 2, sizeof bits);
    to[i] = static_cast<float>(std::bit_cast<Half>(static_cast<std::uint16_t>(~bits)));
  }
}

/// Random numbers for a shape, with gaps between the rows as a context has them.
struct Problem {
  explicit Problem(const Shape& of, unsigned seed = 1) : shape(of) {
    std::mt19937 random(seed);
    std::normal_distribution<float> number(0, 1);
    queries.resize(count(shape.tokens, shape.heads, shape.key_length + gap));
    for (auto& query : queries) query = number(random) * shape.spread;
    const auto fill = [&](std::vector<float>& numbers, std::vector<std::byte>& stored, int length) {
      numbers.resize(count(shape.cells, shape.key_heads, length));
      for (auto& value : numbers) value = static_cast<float>(static_cast<Half>(number(random)));
      stored.resize(numbers.size() * size());
      for (std::size_t i = 0; i < numbers.size(); ++i) store(numbers[i], stored.data() + i * size());
    };
    fill(keys, stored_keys, shape.key_length);
    fill(values, stored_values, shape.value_length);
    mask.resize(count(shape.tokens, shape.cells + gap), 0xFC00);
    std::bernoulli_distribution sees(shape.seen);
    for (auto& cell : mask)
      if (sees(random)) cell = 0;
    out.assign(count(shape.tokens, shape.heads, shape.value_length), 99);
  }

  static constexpr int gap = 3;
  template <class... Ints>
  static std::size_t count(Ints... factors) {
    return (static_cast<std::size_t>(factors) * ...);
  }
  std::size_t size() const { return shape.type == CellType::f32 ? sizeof(float) : sizeof(Half); }
  void store(float number, std::byte* to) const {
    if (shape.type == CellType::f32) {
      std::memcpy(to, &number, sizeof number);
      return;
    }
    auto bits = std::bit_cast<std::uint16_t>(static_cast<Half>(number));
    if (shape.type == CellType::other) bits = static_cast<std::uint16_t>(~bits);
    std::memcpy(to, &bits, sizeof bits);
  }

  Attention attention() {
    const auto row = [&](int length) { return static_cast<std::size_t>(length) * size(); };
    return {.queries = reinterpret_cast<const std::byte*>(queries.data()),
            .query_token_stride = count(shape.heads, shape.key_length + gap) * sizeof(float),
            .query_head_stride = count(shape.key_length + gap) * sizeof(float),
            .keys = stored_keys.data(),
            .key_cell_stride = row(shape.key_length) * count(shape.key_heads),
            .key_head_stride = row(shape.key_length),
            .key_type = shape.type,
            .read_keys = read_turned,
            .values = stored_values.data(),
            .value_cell_stride = row(shape.value_length) * count(shape.key_heads),
            .value_head_stride = row(shape.value_length),
            .value_type = shape.type,
            .read_values = read_turned,
            .mask = reinterpret_cast<const std::byte*>(mask.data()),
            .mask_token_stride = count(shape.cells + gap) * sizeof(std::uint16_t),
            .out = out.data(),
            .tokens = shape.tokens,
            .heads = shape.heads,
            .key_heads = shape.key_heads,
            .cells = shape.cells,
            .key_length = shape.key_length,
            .value_length = shape.value_length,
            .scale = scale};
  }

  bool sees(int token, int cell) const { return mask[count(token, shape.cells + gap) + count(cell)] == 0; }

  /// By the definition, in double precision.
  std::vector<double> expected() const {
    std::vector<double> all;
    const int group = shape.heads / shape.key_heads;
    for (int token = 0; token < shape.tokens; ++token) {
      for (int head = 0; head < shape.heads; ++head) {
        std::vector<double> weights(count(shape.cells));
        double largest = -std::numeric_limits<double>::infinity();
        for (int cell = 0; cell < shape.cells; ++cell) {
          double score = 0;
          for (int i = 0; i < shape.key_length; ++i)
            score += double{queries[count(token * shape.heads + head, shape.key_length + gap) + count(i)]} *
                     double{keys[count(cell * shape.key_heads + head / group, shape.key_length) + count(i)]};
          weights[count(cell)] = score * double{scale};
          if (sees(token, cell)) largest = std::max(largest, weights[count(cell)]);
        }
        double total = 0;
        for (int cell = 0; cell < shape.cells; ++cell) {
          auto& weight = weights[count(cell)];
          weight = sees(token, cell) ? std::exp(weight - largest) : 0;
          total += weight;
        }
        for (int i = 0; i < shape.value_length; ++i) {
          double sum = 0;
          for (int cell = 0; cell < shape.cells; ++cell)
            sum += weights[count(cell)] *
                   double{values[count(cell * shape.key_heads + head / group, shape.value_length) + count(i)]};
          all.push_back(total > 0 ? sum / total : 0);
        }
      }
    }
    return all;
  }

  Shape shape;
  float scale = 0.17F;
  std::vector<float> queries, keys, values, out;
  std::vector<std::byte> stored_keys, stored_values;
  std::vector<std::uint16_t> mask;
};

/// `attention` by `threads` threads at once.
void run(const Target& kernel, const Attention& attention, int threads = 1) {
  const auto bytes = attention_scratch(attention);
  REQUIRE(bytes % 64 == 0);
  test::on_threads(threads, bytes,
                   [&](std::byte* scratch, int* next) { kernel.attend(attention, scratch, next, threads); });
}

TEST_CASE("attention is softmax of the scores of the cells that a token sees, times their values") {
  const Shape shapes[] = {
      {},
      {.cells = 64},
      {.cells = 65},
      {.tokens = 3, .heads = 8, .key_heads = 8, .cells = 200},
      {.tokens = 16, .heads = 14, .key_heads = 2, .cells = 300, .key_length = 64, .value_length = 64},
      {.tokens = 40, .heads = 14, .key_heads = 2, .cells = 130, .key_length = 64, .value_length = 64},
      {.tokens = 150, .heads = 2, .key_heads = 2, .cells = 70},
      {.tokens = 5, .heads = 4, .key_heads = 1, .cells = 100, .key_length = 80, .value_length = 80},
      {.tokens = 2, .heads = 4, .key_heads = 2, .cells = 100, .key_length = 192, .value_length = 128},
      {.tokens = 2, .heads = 128, .key_heads = 1, .cells = 20, .key_length = 16, .value_length = 16},
      {.tokens = 7, .heads = 3, .key_heads = 3, .cells = 150, .type = CellType::f32},
      {.tokens = 7, .heads = 3, .key_heads = 3, .cells = 150, .type = CellType::other},
      {.tokens = 17, .heads = 2, .key_heads = 1, .cells = 500, .seen = 0.02},
      {.tokens = 9, .heads = 2, .key_heads = 1, .cells = 192, .seen = 1},
      {.tokens = 6, .heads = 6, .key_heads = 2, .cells = 128, .spread = 40},
  };
  for (const auto& kernel : targets()) {
    CAPTURE(kernel.name);
    for (const auto& shape : shapes) {
      CAPTURE(shape.tokens);
      CAPTURE(shape.heads);
      CAPTURE(shape.cells);
      CAPTURE(shape.key_length);
      Problem problem(shape);
      const auto attention = problem.attention();
      REQUIRE(can_attend(attention));
      const auto expected = problem.expected();
      for (const int threads : {1, 3}) {
        CAPTURE(threads);
        std::ranges::fill(problem.out, 99.0F);
        run(kernel, attention, threads);
        double worst = 0;
        for (std::size_t i = 0; i < expected.size(); ++i)
          worst = std::max(worst, std::abs(double{problem.out[i]} - expected[i]));
        CHECK(worst < (shape.spread > 1 ? 1e-4 : 3e-6));
      }
    }
  }
}

TEST_CASE("a token that sees no cell gets zeros") {
  for (const auto& kernel : targets()) {
    CAPTURE(kernel.name);
    Problem problem({.tokens = 4, .heads = 2, .key_heads = 1, .cells = 90});
    std::fill_n(problem.mask.begin() + std::ptrdiff_t{2} * (90 + Problem::gap), 90, std::uint16_t{0xFC00});
    run(kernel, problem.attention());
    const auto row = std::span(problem.out).subspan(std::size_t{2} * 2 * 32, std::size_t{2} * 32);
    CHECK(std::ranges::all_of(row, [](float number) { return number == 0; }));
  }
}

TEST_CASE("what is not a number stays none, for the tokens that see it") {
  for (const auto& kernel : targets()) {
    CAPTURE(kernel.name);
    for (const auto part : {&Problem::stored_keys, &Problem::stored_values}) {
      Problem problem({.tokens = 3, .heads = 2, .key_heads = 1, .cells = 90, .type = CellType::f32, .seen = 1});
      problem.mask[70] = 0xFC00;  // of the first token
      const auto expected = problem.expected();
      const float none = std::numeric_limits<float>::quiet_NaN();
      std::memcpy((problem.*part).data() + std::size_t{70} * 32 * sizeof none, &none, sizeof none);
      run(kernel, problem.attention());
      for (std::size_t i = 0; i < std::size_t{2} * 32; ++i)
        CHECK(std::abs(double{problem.out[i]} - expected[i]) < 3e-6);
      CHECK(std::isnan(problem.out[std::size_t{2} * 32]));
      CHECK(std::isnan(problem.out[std::size_t{4} * 32]));
    }
  }
}

TEST_CASE("what a token gets does not depend on the tokens beside it, to the bit") {
  for (const auto& kernel : targets()) {
    CAPTURE(kernel.name);
    for (const int key_heads : {1, 2, 8}) {
      CAPTURE(key_heads);
      Problem problem({.tokens = 21, .heads = 8, .key_heads = key_heads, .cells = 260, .seen = 0.3});
      auto attention = problem.attention();
      run(kernel, attention);
      const auto together = problem.out;
      const auto row = std::size_t{8} * 32;
      for (int token = 0; token < 21; ++token) {
        std::vector<float> out(row, 99);
        auto alone = attention;
        alone.queries += static_cast<std::size_t>(token) * attention.query_token_stride;
        alone.mask += static_cast<std::size_t>(token) * attention.mask_token_stride;
        alone.tokens = 1;
        alone.out = out.data();
        run(kernel, alone, token % 2 + 1);
        CAPTURE(token);
        CHECK(std::ranges::equal(out, std::span(together).subspan(static_cast<std::size_t>(token) * row, row)));
      }
    }
  }
}

TEST_CASE("shapes that the blocks do not take are left to others") {
  Attention good{.tokens = 1, .heads = 8, .key_heads = 2, .cells = 1, .key_length = 64, .value_length = 64};
  CHECK(can_attend(good));
  struct Case {
    const char* why;
    void (*change)(Attention&);
  };
  const Case cases[] = {
      {"keys of 40 numbers", [](Attention& a) { a.key_length = 40; }},
      {"values of 8", [](Attention& a) { a.value_length = 8; }},
      {"heads that do not share keys evenly", [](Attention& a) { a.key_heads = 3; }},
      {"more heads to a key than a block has rows", [](Attention& a) { a.heads = 258; }},
      {"no cells", [](Attention& a) { a.cells = 0; }},
      {"no tokens", [](Attention& a) { a.tokens = 0; }},
  };
  for (const auto& [why, change] : cases) {
    CAPTURE(why);
    auto bad = good;
    change(bad);
    CHECK_FALSE(can_attend(bad));
  }
}

}  // namespace
}  // namespace dspy::llama::kernels
