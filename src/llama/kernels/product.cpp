#include "llama/kernels/product.hpp"

#include "llama/kernels/product_strips.hpp"

#include <algorithm>

namespace dspy::llama::kernels {

std::size_t block_bytes(WeightType type) {
  switch (type) {
    case WeightType::q8_0: return 2 + 32;
    case WeightType::q5_0: return 2 + 4 + 16;
    case WeightType::q4_0: return 2 + 16;
  }
  return 0;
}

int pass_columns(const Product& product) {
  constexpr int most = 128, cache = 512 << 10;
  return std::clamp(cache / product.length / 8 * 8, 32, most);
}

ProductScratch lay_out(const Product& product, std::byte* start) {
  const auto length = static_cast<std::size_t>(product.length);
  const auto blocks = length / weight_block;
  const auto columns = static_cast<std::size_t>(std::min(product.columns, pass_columns(product)));
  ProductScratch scratch;
  const auto take = [&]<class T>(T*& part, std::size_t count) {
    part = start ? reinterpret_cast<T*>(start + scratch.bytes) : nullptr;
    scratch.bytes += (count * sizeof(T) + 63) / 64 * 64;
  };
  take(scratch.inputs, columns * length);
  take(scratch.input_scales, columns * blocks);
  take(scratch.offsets, columns * blocks);
  take(scratch.strip, strip_rows * length);
  take(scratch.strip_scales, strip_rows * blocks);
  return scratch;
}

std::size_t product_scratch(const Product& product) {
  return lay_out(product, nullptr).bytes;
}

bool can_multiply() {
#ifdef __x86_64__
  static const bool can = __builtin_cpu_supports("x86-64-v4") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
  return can;
#else
  return false;
#endif
}

void multiply(const Product& product, std::byte* scratch, int* next, int threads) {
#ifdef __x86_64__
  multiply_vnni(product, scratch, next, threads);
#else
  static_cast<void>(product), static_cast<void>(scratch), static_cast<void>(next), static_cast<void>(threads);
#endif
}

}  // namespace dspy::llama::kernels
