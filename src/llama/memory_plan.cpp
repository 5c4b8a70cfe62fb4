#include "dspy/llama/memory_plan.hpp"

#include "dspy/base/error.hpp"
#include "llama/engine/engine_options.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/media/senses_file.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <string_view>

namespace dspy::llama {
namespace {

std::uint64_t whole(const ModelInfo& model, std::string_view key, std::uint64_t otherwise) {
  const auto* const value = model.metadata.if_contains(std::format("{}.{}", model.architecture, key));
  if (value == nullptr) return otherwise;
  if (value->is_uint64()) return value->get_uint64();
  return value->is_int64() && value->get_int64() >= 0 ? static_cast<std::uint64_t>(value->get_int64()) : otherwise;
}

}  // namespace

MemoryPlan plan_memory(const ModelInfo& model, const EngineOptions& wanted, const MediaOptions& media) {
  validate(wanted);
  const auto options = sized(wanted, model);
  if (model.kv_elements == 0 && model.state_elements == 0)
    throw Error(
        Errc::invalid_parameter,
        std::format("the file of `{}` does not say how large a token is, so its memory cannot be planned", model.name),
        {.model = model.name});
  MemoryPlan plan{
      .kv_tokens = options.kv_tokens, .weights = model.weight_bytes, .senses = senses_bytes(model.path, media)};
  if (plan.senses > 0) plan.media = media.cache_bytes;
  // The library rounds up to groups of cells.
  constexpr std::uint64_t cells = 256;
  const auto tokens = (static_cast<std::uint64_t>(options.kv_tokens) + cells - 1) / cells * cells;
  plan.kv = static_cast<std::uint64_t>(static_cast<double>(tokens * model.kv_elements) * kv_bytes_of(options.kv_type));
  // Prompts of such models are not shared, so only replies have sequences.
  plan.kv += static_cast<std::uint64_t>(options.sequences + 1) * model.state_elements * sizeof(float);
  plan.host = static_cast<std::uint64_t>(options.host_bytes);

  const auto step = static_cast<std::uint64_t>(options.micro_batch > 0 ? std::min(options.micro_batch, options.batch)
                                                                       : options.batch);
  const auto width = static_cast<std::uint64_t>(model.embedding_length);
  const auto hidden = whole(model, "feed_forward_length", 4 * width);
  const auto heads = whole(model, "attention.head_count", 1);
  const auto vocabulary = static_cast<std::uint64_t>(model.vocabulary);
  const auto outputs = static_cast<std::uint64_t>(most_outputs(options));
  // Of a layer: its input, what attention and the hidden layer read and write, and the mask over all cells, as numbers
  // of 32 bits and of 16.  At the end: the scores.
  const auto seen = model.kv_elements == 0 ? 0 : tokens;
  const auto layer = step * (4 * width + 3 * hidden) * 4 + step * seen * 6;
  // Of a layer with a state: what goes into the convolution and the scan, and what they give.
  const auto state = step *
                     (8 * whole(model, "ssm.inner_size", 0) + whole(model, "ssm.time_step_rank", 0) +
                      2 * whole(model, "ssm.state_size", 0)) *
                     4;
  const auto matrix = options.flash_attention == FlashAttention::off ? 2 * heads * step * seen * 4 : 0;
  plan.scratch = layer + state + matrix + outputs * (vocabulary + width) * 4;
  plan.scores =
      std::max<std::uint64_t>(outputs, static_cast<std::uint64_t>(context_sequences(options))) * vocabulary * 4;
  return plan;
}

}  // namespace dspy::llama
