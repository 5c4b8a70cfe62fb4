#pragma once

#include "llama/kernels/attention.hpp"
#include "llama/kernels/product.hpp"
#include "llama/kernels/product_strips.hpp"

#include <cstddef>
#include <span>

namespace dspy::llama::kernels {

/// The kernels, compiled for one kind of processor.
struct Target {
  const char* name = nullptr;
  void (*attend)(const Attention& attention, std::byte* scratch, int* next, int threads) = nullptr;
  void (*multiply)(const Product& product, std::byte* scratch, int threads, Units& units) = nullptr;
};

/// Those that this processor runs, the fastest first.
std::span<const Target> targets();

/// The one that is used: the fastest, or what the environment variable DSPY_CPU names (`avx2`, `avx2_vnni`, `avx512`,
/// `avx512_vnni`), if this processor runs it.  None where there is none for this processor.
const Target* chosen_target();

}  // namespace dspy::llama::kernels
