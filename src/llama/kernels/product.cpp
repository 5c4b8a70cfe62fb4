#include "llama/kernels/product.hpp"

#include "llama/kernels/product_strips.hpp"
#include "llama/kernels/target.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace dspy::llama::kernels {
namespace {

struct TypeFacts {
  std::string_view name;
  BlockSize block;
};

constexpr std::array<TypeFacts, weight_types> facts{{
    {"q8_0", {32, 34}},
    {"q5_0", {32, 22}},
    {"q5_1", {32, 24}},
    {"q4_0", {32, 18}},
    {"q4_1", {32, 20}},
    {"iq4_nl", {32, 18}},
    {"mxfp4", {32, 17}},
    {"q4_k", {256, 144}},
    {"q5_k", {256, 176}},
    {"q6_k", {256, 210}},
    {"iq4_xs", {256, 136}},
    {"f16", {8, 16}},
    {"bf16", {8, 16}},
}};

const TypeFacts& facts_of(WeightType type) {
  return facts[static_cast<std::size_t>(type)];
}

bool is_float(WeightType type) {
  return type == WeightType::f16 || type == WeightType::bf16;
}

std::int32_t choice(const ExpertProduct& all, std::ptrdiff_t token, int slot) {
  std::int32_t expert = 0;
  std::memcpy(&expert,
              all.chosen + static_cast<std::size_t>(token) * all.chosen_token_stride +
                  static_cast<std::size_t>(slot) * sizeof expert,
              sizeof expert);
  return expert;
}

}  // namespace

std::string_view name_of(WeightType type) {
  return facts_of(type).name;
}

BlockSize block_size(WeightType type) {
  return facts_of(type).block;
}

int pass_columns(const Product& product) {
  constexpr int most = 128, cache = 512 << 10;
  return std::clamp(cache / product.length / 8 * 8, 32, most);
}

ProductScratch lay_out(const Product& product, std::byte* start, std::size_t expert_columns) {
  const auto length = static_cast<std::size_t>(product.length);
  const auto spans = length / 16;
  const bool whole = !is_float(product.type);
  const auto all_columns = std::max(static_cast<std::size_t>(product.columns), expert_columns);
  const auto columns = whole ? std::min(all_columns, static_cast<std::size_t>(pass_columns(product))) : 0;
  ProductScratch scratch;
  const auto take = [&]<class T>(T*& part, std::size_t count) {
    part = start ? reinterpret_cast<T*>(start + scratch.bytes) : nullptr;
    scratch.bytes += (count * sizeof(T) + 63) / 64 * 64;
  };
  take(scratch.input_places, expert_columns);  // first, where all experts find them
  take(scratch.out_places, expert_columns);
  take(scratch.inputs, columns * length);
  take(scratch.input_scales, columns * spans);
  take(scratch.offsets, columns * spans);
  take(scratch.input_sums, columns * spans);
  take(scratch.strip, most_strip_rows * length * (whole ? 1 : sizeof(float)));
  take(scratch.strip_scales, whole ? most_strip_rows * spans : 0);
  take(scratch.strip_minima, whole ? most_strip_rows * spans : 0);
  return scratch;
}

std::size_t product_scratch(const Product& product) {
  return lay_out(product, nullptr).bytes;
}

std::size_t product_scratch(const ExpertProduct& all) {
  return lay_out(all.product, nullptr,
                 static_cast<std::size_t>(all.product.columns) * static_cast<std::size_t>(all.slots))
      .bytes;
}

bool can_multiply() {
  return chosen_target() != nullptr;
}

bool can_multiply(const Product& product) {
  return can_multiply() && product.length > 0 && product.rows > 0 && product.columns > 0 &&
         product.length % block_size(product.type).weights == 0;
}

void multiply(const Product& product, std::byte* scratch, int* next, int threads) {
  Units units{.next = next, .taken = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)};
  chosen_target()->multiply(product, scratch, threads, units);
}

void multiply(const ExpertProduct& all, std::byte* scratch, int* next, int threads) {
  const auto columns = static_cast<std::size_t>(all.product.columns) * static_cast<std::size_t>(all.slots);
  const auto places = lay_out(all.product, scratch, columns);
  const auto behind = reinterpret_cast<std::byte*>(places.inputs);
  Units units{.next = next, .taken = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)};
  for (int expert = 0; expert < all.experts; ++expert) {
    auto product = all.product;
    product.weights += static_cast<std::size_t>(expert) * all.expert_stride;
    product.columns = 0;
    for (std::ptrdiff_t token = 0; token < all.product.columns; ++token) {
      for (int slot = 0; slot < all.slots; ++slot) {
        if (choice(all, token, slot) != expert) continue;
        const auto column = static_cast<std::size_t>(product.columns++);
        places.input_places[column] = static_cast<std::size_t>(token) * product.input_column_stride +
                                      static_cast<std::size_t>(slot) * all.input_slot_stride;
        places.out_places[column] = static_cast<std::size_t>(token) * product.out_column_stride +
                                    static_cast<std::size_t>(slot) * all.out_slot_stride;
      }
    }
    if (product.columns == 0) continue;
    product.input_places = places.input_places;
    product.out_places = places.out_places;
    chosen_target()->multiply(product, behind, threads, units);
  }
}

}  // namespace dspy::llama::kernels
