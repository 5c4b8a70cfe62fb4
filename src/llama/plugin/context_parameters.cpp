#include "context_parameters.hpp"

#include <algorithm>
#include <cstdint>

namespace dspy::llama::plugin {
namespace {

ggml_type ggml_type_of(KvType type) {
  switch (type) {
    case KvType::f16: return GGML_TYPE_F16;
    case KvType::q8_0: return GGML_TYPE_Q8_0;
    case KvType::q4_0: return GGML_TYPE_Q4_0;
    case KvType::f32: return GGML_TYPE_F32;
  }
  return GGML_TYPE_F16;
}

llama_flash_attn_type flash_attention_of(FlashAttention wanted) {
  switch (wanted) {
    case FlashAttention::automatic: return LLAMA_FLASH_ATTN_TYPE_AUTO;
    case FlashAttention::on: return LLAMA_FLASH_ATTN_TYPE_ENABLED;
    case FlashAttention::off: return LLAMA_FLASH_ATTN_TYPE_DISABLED;
  }
  return LLAMA_FLASH_ATTN_TYPE_AUTO;
}

enum llama_pooling_type pooling_of(Pooling pooling) {
  switch (pooling) {
    case Pooling::model: return LLAMA_POOLING_TYPE_UNSPECIFIED;
    case Pooling::mean: return LLAMA_POOLING_TYPE_MEAN;
    case Pooling::cls: return LLAMA_POOLING_TYPE_CLS;
    case Pooling::last: return LLAMA_POOLING_TYPE_LAST;
    case Pooling::rank: return LLAMA_POOLING_TYPE_RANK;
  }
  return LLAMA_POOLING_TYPE_UNSPECIFIED;
}

}  // namespace

llama_context_params parameters_of(const RuntimeContextOptions& options) {
  auto parameters = llama_context_default_params();
  parameters.n_ctx = static_cast<std::uint32_t>(options.context_length);
  parameters.n_batch = static_cast<std::uint32_t>(options.batch);
  parameters.n_ubatch = options.micro_batch > 0
                            ? static_cast<std::uint32_t>(std::min(options.micro_batch, options.batch))
                            : parameters.n_batch;
  parameters.n_seq_max = static_cast<std::uint32_t>(options.sequences);
  parameters.n_outputs_max = static_cast<std::uint32_t>(std::max(options.outputs, options.sequences));
  parameters.n_threads = options.threads;
  parameters.n_threads_batch = options.threads;
  parameters.kv_unified = true;
  if (options.kv_on_host) parameters.offload_kqv = false;
  parameters.type_k = parameters.type_v = ggml_type_of(options.kv_type);
  parameters.flash_attn_type = flash_attention_of(options.flash_attention);
  if (options.pooling) {
    parameters.embeddings = true;
    parameters.pooling_type = pooling_of(*options.pooling);
    parameters.n_outputs_max = parameters.n_batch;  // every token is one before they are pooled
  }
  parameters.abort_callback = options.interrupted;
  parameters.abort_callback_data = options.interrupted_data;
  return parameters;
}

}  // namespace dspy::llama::plugin
