// An engine's life: its context, what of it is free, its totals.  scheduler_queue.cpp has the requests that wait,
// scheduler_start.cpp says which is next, scheduler_compose.cpp what is in a step, scheduler_step.cpp runs it,
// scheduler_end.cpp ends requests, scheduler_groups.cpp has LoRA adapters, scheduler_prefixes.cpp what callers ask of
// known prompts.
#include "llama/engine/scheduler.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/media/media_context.hpp"
#include "llama/model/device_fault.hpp"
#include "llama/prefixes/prefix_file.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::llama {
namespace {

/// Sequences for the tree's nodes; each running request may share two or three.
int tree_sequences(const EngineOptions& options) {
  return std::min(2 * options.sequences + 16, 254 - options.sequences);
}

}  // namespace

int context_sequences(const EngineOptions& options) noexcept {
  return options.sequences + 1 + (options.reuse ? tree_sequences(options) : 0);
}

int most_outputs(const EngineOptions& options) noexcept {
  return std::min(options.sequences + Scheduler::more_outputs, options.batch);
}

Scheduler::Scheduler(std::shared_ptr<const Model> model, const EngineOptions& options, const std::atomic<bool>& closing)
    : model_(std::move(model)),
      options_(options),
      closing_(closing),
      shares_(options.reuse && model_->handle().facts().memory_has_parts),
      drafts_(options.speculation != Speculation::off && !options.reproducible &&
              model_->handle().facts().memory_has_parts),
      outputs_(static_cast<std::size_t>(most_outputs(options))),
      governor_(options.yields ? options.threads : 1),
      store_(shares_ && !options.prefix_directory.empty()
                 ? std::make_unique<PrefixStore>(options.prefix_directory, prefix_binding(*model_, options),
                                                 model_->name())
                 : nullptr),
      earlier_replies_(static_cast<std::size_t>(options.draft_memory)) {
  make_context();
  options_.batch = std::min(options_.batch, context_->batch());
  options_.kv_tokens = std::min(options_.kv_tokens, context_->context_length());
  options_.context_length = std::min(options_.context_length, options_.kv_tokens);
  stats_.kv_tokens = static_cast<std::size_t>(options_.kv_tokens);
  for (int id = options_.sequences; id-- > 0;) free_ids_.push_back(id);
  if (options.reuse && !shares_ && !options.reproducible && options.host_bytes > 0)
    states_ = std::make_unique<StateMemory>(static_cast<std::size_t>(options.host_bytes));
  if (options_.draft_model && drafts_) drafter_ = std::make_unique<Drafter>(*options_.draft_model, options_);
}

void Scheduler::make_context() {
  drop_context();
  suspect_ = false;
  applied_ = 0;
  const int own = shares_ ? tree_sequences(options_) : 0;
  RuntimeContextOptions wanted{.context_length = options_.kv_tokens,
                               .batch = options_.batch,
                               .micro_batch = options_.micro_batch,
                               .sequences = options_.sequences + 1 + own,
                               .outputs = static_cast<int>(outputs_),
                               .threads = threads(),
                               .kv_type = options_.kv_type,
                               .flash_attention = options_.flash_attention,
                               .kv_on_host = options_.kv_on_host,
                               .interrupted = [](void* self) { return static_cast<Scheduler*>(self)->poll(); },
                               .interrupted_data = this};
  const auto make = [&] {
    try {
      context_ = model_->handle().new_context(wanted);
    } catch (const Error& error) {
      if (!model_->on_gpu()) throw;
      if (wanted.kv_on_host || device_fault(error.what()) != DeviceFault::memory)
        throw explained(error, model_->name(), model_->placement());
      log(LogLevel::warning, "llama",
          std::format("`{}` keeps what it computes of prompts in the machine's memory, which is slower, since its "
                      "device has no room for it ({}); lower kv_tokens or gpu_layers to keep it there",
                      model_->name(), error.what()));
      wanted.kv_on_host = options_.kv_on_host = true;
    }
  };
  make();
  if (!context_) make();
  if (const auto* const senses = model_->senses())
    context_ = std::make_unique<MediaContext>(std::move(context_), *senses);
  if (!shares_) return;
  tree_ = std::make_unique<PromptTree>(*context_,
                                       PromptTree::Limits{.first_sequence = spare() + 1,
                                                          .sequences = own,
                                                          .host_bytes = static_cast<std::size_t>(options_.host_bytes),
                                                          .file_bytes = static_cast<std::uint64_t>(options_.file_bytes),
                                                          .joins = !options_.reproducible},
                                       store_.get());
  for (auto& pin : std::exchange(pins_, {})) tree_->pin(std::move(pin));
}

void Scheduler::drop_context() noexcept {
  if (tree_) {
    tree_totals_.stored += tree_->totals().stored;
    tree_totals_.restored += tree_->totals().restored;
    tree_totals_.spilled += tree_->totals().spilled;
    tree_totals_.loaded += tree_->totals().loaded;
    tree_totals_.dropped += tree_->totals().dropped;
    pins_ = tree_->pins();
  }
  tree_.reset();
  context_.reset();
}

RuntimeContext& Scheduler::context() {
  if (!context_) make_context();
  return *context_;
}

int Scheduler::threads() const {
  return options_.yields ? governor_.threads() : options_.threads;
}

std::size_t Scheduler::free_cells() const {
  std::size_t used = tree_ ? tree_->cells() : 0;
  for (const auto& running : running_) used += running.reserved;
  return static_cast<std::size_t>(options_.kv_tokens) - std::min(used, static_cast<std::size_t>(options_.kv_tokens));
}

EngineStats Scheduler::stats() const {
  auto stats = stats_;
  stats.queued = waiting_.size();
  stats.held_back = held_back_.size();
  stats.running = running_.size();
  stats.threads = threads();
  stats.slowdowns = governor_.slowdowns();
  stats.kv_free = free_cells();
  if (states_) {
    stats.host_bytes = states_->bytes();
    stats.stored_tokens = states_->totals().stored;
    stats.evicted_tokens = states_->totals().dropped;
    return stats;
  }
  if (tree_) {
    stats.cached_tokens = tree_->cells();
    stats.host_bytes = tree_->host_bytes();
    stats.file_bytes = tree_->file_bytes();
  }
  const auto totals = tree_ ? tree_->totals() : PromptTree::Totals{};
  stats.stored_tokens = tree_totals_.stored + totals.stored;
  stats.restored_tokens = tree_totals_.restored + totals.restored;
  stats.spilled_tokens = tree_totals_.spilled + totals.spilled;
  stats.loaded_tokens = tree_totals_.loaded + totals.loaded;
  stats.evicted_tokens = tree_totals_.dropped + totals.dropped;
  return stats;
}

}  // namespace dspy::llama
