// All kernels for one kind of processor.  Compiled once for each, with DSPY_TARGET as its name (cmake/llama_kernels.cmake)
// and the options that let the compiler use its instructions.

#include "llama/kernels/target.hpp"

#include "llama/kernels/attention_kernel.hpp"
#include "llama/kernels/float_product_kernel.hpp"
#include "llama/kernels/product_kernel.hpp"

namespace dspy::llama::kernels {
namespace {

void multiply_here(const Product& product, std::byte* scratch, int threads, Units& units) {
  using enum WeightType;
  switch (product.type) {
    case q8_0: return multiply_blocks<q8_0>(product, scratch, threads, units);
    case q5_0: return multiply_blocks<q5_0>(product, scratch, threads, units);
    case q5_1: return multiply_blocks<q5_1>(product, scratch, threads, units);
    case q4_0: return multiply_blocks<q4_0>(product, scratch, threads, units);
    case q4_1: return multiply_blocks<q4_1>(product, scratch, threads, units);
    case iq4_nl: return multiply_blocks<iq4_nl>(product, scratch, threads, units);
    case mxfp4: return multiply_blocks<mxfp4>(product, scratch, threads, units);
    case q4_k: return multiply_blocks<q4_k>(product, scratch, threads, units);
    case q5_k: return multiply_blocks<q5_k>(product, scratch, threads, units);
    case q6_k: return multiply_blocks<q6_k>(product, scratch, threads, units);
    case iq4_xs: return multiply_blocks<iq4_xs>(product, scratch, threads, units);
    case f16: return multiply_halves<f16>(product, scratch, threads, units);
    case bf16: return multiply_halves<bf16>(product, scratch, threads, units);
  }
}

}  // namespace

#define DSPY_JOINED(a, b) a##b
#define DSPY_NAMED(prefix, target) DSPY_JOINED(prefix, target)
#define DSPY_TEXT(name) #name
#define DSPY_TEXT_OF(name) DSPY_TEXT(name)

extern const Target DSPY_NAMED(target_, DSPY_TARGET);
const Target DSPY_NAMED(target_, DSPY_TARGET){
    .name = DSPY_TEXT_OF(DSPY_TARGET), .attend = attend_here, .multiply = multiply_here};

}  // namespace dspy::llama::kernels
