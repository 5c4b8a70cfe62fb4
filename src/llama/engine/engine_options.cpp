#include "llama/engine/engine_options.hpp"

#include "dspy/base/error.hpp"
#include "llama/engine/reply/drafter.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/model/hardware.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <string_view>
#include <utility>

namespace dspy::llama {

double kv_bytes_of(KvType type) noexcept {
  switch (type) {
    case KvType::f16: return 2;
    case KvType::q8_0: return 34.0 / 32;
    case KvType::q4_0: return 18.0 / 32;
    case KvType::f32: return 4;
  }
  return 2;
}

namespace {

/// How many tokens `kv_bytes` are.
int tokens_in(const EngineOptions& options, const ModelInfo& model) {
  const auto token = static_cast<double>(model.kv_elements) * kv_bytes_of(options.kv_type);
  if (token == 0)
    throw Error(Errc::invalid_parameter,
                std::format("the file of `{}` does not say how large a token is, so kv_bytes cannot be kept to; set "
                            "kv_tokens",
                            model.name),
                {.model = model.name});
  const auto tokens = static_cast<double>(options.kv_bytes) / token;
  if (tokens < 1)
    throw Error(Errc::invalid_parameter,
                std::format("kv_bytes is {} and one token of `{}` takes {:.0f}; raise it to room for a prompt and its "
                            "reply",
                            options.kv_bytes, model.name, token),
                {.model = model.name});
  return static_cast<int>(std::min(tokens, 1e9));
}

}  // namespace

EngineOptions sized(EngineOptions options, const ModelInfo& model) {
  if (model.context_length > 0) options.context_length = std::min(options.context_length, model.context_length);
  if (options.kv_bytes > 0) options.kv_tokens = tokens_in(options, model);
  if (options.kv_tokens == 0)
    options.kv_tokens = std::max(options.context_length, options.sequences * std::min(options.context_length, 1024));
  options.context_length = std::min(options.context_length, options.kv_tokens);
  if (options.reproducible) {
    options.batch = reproducible_step;
    options.micro_batch = 0;
    options.kv_tokens = std::max(options.kv_tokens, options.batch);
  }
  options.batch = std::min(options.batch, options.kv_tokens);
  return options;
}

EngineOptions in_force(EngineOptions options, const Model& model) {
  validate(options);
  if (!model.handle().facts().has_decoder)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` ({}) only reads text and cannot write any; use a generative model, or make a "
                            "LlamaEmbedder or LlamaReranker of this one",
                            model.name(), model.info().architecture),
                {.model = model.name()});
  if (options.draft_model) require_same_tokens(model, *options.draft_model);
  options = sized(std::move(options), model.info());
  if (options.reproducible)
    options.yields = false;  // threads share the sums of a step, so their number must not change
  if (options.threads == 0) options.threads = threads_for(model.info().weight_bytes);
  return options;
}

void validate(const EngineOptions& options) {
  const auto require = [](bool fine, std::string_view name, std::int64_t value, std::string_view range) {
    if (!fine) throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be {}", name, value, range));
  };
  require(options.context_length >= 1, "context_length", options.context_length, "at least 1");
  require(options.queue_limit >= 1, "queue_limit", options.queue_limit, "at least 1");
  require(options.batch >= 1, "batch", options.batch, "at least 1");
  require(options.micro_batch >= 0, "micro_batch", options.micro_batch, "at least 1, or 0 for all of a step");
  require(options.sequences >= 1 && options.sequences <= 96, "sequences", options.sequences, "between 1 and 96");
  require(options.prefill_chunk >= 1, "prefill_chunk", options.prefill_chunk, "at least 1");
  require(options.draft_tokens >= 1 && options.draft_tokens <= 64, "draft_tokens", options.draft_tokens,
          "between 1 and 64");
  require(options.draft_memory >= 0, "draft_memory", options.draft_memory, "at least 1, or 0 for none");
  require(options.loop_tokens >= 0, "loop_tokens", options.loop_tokens, "at least 1, or 0 for never");
  require(options.collect.count() >= 0, "collect", options.collect.count(), "at least 0");
  require(options.kv_tokens >= 0, "kv_tokens", options.kv_tokens, "at least 1, or 0 for automatic");
  require(options.kv_bytes >= 0, "kv_bytes", options.kv_bytes, "at least 1, or 0 for none");
  require(options.kv_bytes == 0 || options.kv_tokens == 0, "kv_bytes", options.kv_bytes,
          "0 where kv_tokens says what the budget is");
  require(options.host_bytes >= 0, "host_bytes", options.host_bytes, "at least 0");
  require(options.file_bytes >= 0, "file_bytes", options.file_bytes, "at least 0");
  require(options.threads >= 0 && options.threads <= 512, "threads", options.threads,
          "between 1 and 512, or 0 for automatic");
  const bool quantized = options.kv_type == KvType::q8_0 || options.kv_type == KvType::q4_0;
  if (quantized && options.flash_attention == FlashAttention::off)
    throw Error(Errc::invalid_parameter,
                "a kv_type of q8_0 or q4_0 needs flash attention; leave flash_attention automatic, or keep f16");
  if (!options.prefix_directory.empty() && !options.reuse)
    throw Error(Errc::invalid_parameter, "a prefix_directory keeps what `reuse` off forgets; set one or the other");
}

}  // namespace dspy::llama
