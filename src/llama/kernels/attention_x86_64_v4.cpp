// For x86-64 processors with AVX-512.

#ifdef __x86_64__

#include <cstddef>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#else
#pragma GCC target("arch=x86-64-v4")
#endif

#define DSPY_ATTENTION_LANES 16
#include "llama/kernels/attention_kernel.hpp"

namespace dspy::llama::kernels {

void attend_x86_64_v4(const Attention& attention, std::byte* scratch, int* next, int threads) {
  attend_here(attention, scratch, next, threads);
}

}  // namespace dspy::llama::kernels

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
