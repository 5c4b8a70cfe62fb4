#pragma once

#include "dspy/llama/engine.hpp"
#include "dspy/llama/media.hpp"
#include "dspy/llama/model_info.hpp"

#include <cstdint>

namespace dspy::llama {

/// The memory that an engine needs, in bytes, without loading anything.
struct MemoryPlan {
  int kv_tokens = 0;          ///< Tokens that the context holds.
  std::uint64_t weights = 0;  ///< Of the model's file.
  std::uint64_t kv = 0;       ///< Keys and values of these tokens; states of all replies, where layers keep those.
  std::uint64_t scratch = 0;  ///< For computing a step: an estimate, and more than is used.
  std::uint64_t scores = 0;   ///< Of tokens, one row for each that is asked for.
  std::uint64_t host = 0;     ///< At most, for known prompts that wait (`EngineOptions::host_bytes`).
  std::uint64_t senses = 0;   ///< Of the image or audio part (mmproj), loaded with the first picture or sound.
  std::uint64_t media = 0;    ///< At most, for those that may come again (`MediaOptions::cache_bytes`).

  /// Beside the weights, which engines share.
  std::uint64_t context() const noexcept { return kv + scratch + scores; }
  std::uint64_t total() const noexcept { return weights + senses + context(); }
};

/// The plan for `options` as they would be in force, for models with attention in each layer and with states of Mamba's
/// kind (recurrent, hybrid); with states of another kind it is too much.  What an image or audio part computes with is
/// not counted. Throws `Error` (`invalid_parameter`) for options out of range, and where the file does not say how
/// large a token is.
MemoryPlan plan_memory(const ModelInfo& model, const EngineOptions& options = {}, const MediaOptions& media = {});

}  // namespace dspy::llama
