// For processors of any kind.

#define DSPY_ATTENTION_LANES 4
#include "llama/kernels/attention_kernel.hpp"

namespace dspy::llama::kernels {

void attend_baseline(const Attention& attention, std::byte* scratch, int* next, int threads) {
  attend_here(attention, scratch, next, threads);
}

}  // namespace dspy::llama::kernels
