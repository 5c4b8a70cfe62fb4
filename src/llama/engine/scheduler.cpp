// An engine's life: its context, its queue, its totals and the ends of requests.  scheduler_start.cpp says who is next,
// scheduler_step.cpp what a step is.
#include "llama/engine/scheduler.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/media/media_context.hpp"
#include "llama/model/device_fault.hpp"
#include "llama/prefixes/prefix_file.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <utility>

namespace dspy::llama {
namespace {

double seconds(Scheduler::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

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
                 : nullptr) {
  make_context();
  options_.batch = std::min(options_.batch, context_->batch());
  options_.kv_tokens = std::min(options_.kv_tokens, context_->context_length());
  options_.context_length = std::min(options_.context_length, options_.kv_tokens);
  stats_.kv_tokens = static_cast<std::size_t>(options_.kv_tokens);
  for (int id = options_.sequences; id-- > 0;) free_ids_.push_back(id);
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
  try {
    context_ = model_->handle().new_context(wanted);
  } catch (const Error& error) {
    if (!model_->on_gpu()) throw;
    if (wanted.kv_on_host || device_fault(error.what()) != DeviceFault::memory)
      throw explained(error, model_->name(), model_->placement());
    log(LogLevel::warning, "llama",
        std::format("`{}` keeps what it computes of prompts in the machine's memory, which is slower, since its device "
                    "has no room for it ({}); lower kv_tokens or gpu_layers to keep it there",
                    model_->name(), error.what()));
    wanted.kv_on_host = options_.kv_on_host = true;
    context_ = model_->handle().new_context(wanted);
  }
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

PromptTree& Scheduler::tree() {
  context();
  if (!tree_)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` keeps no prompts: {}", model_->name(),
                            options_.reuse ? "the memory of this kind of model cannot be shared in parts"
                                           : "its engine was made with reuse off"));
  return *tree_;
}

void Scheduler::require_files() const {
  if (options_.reproducible)
    throw Error(Errc::invalid_parameter,
                std::format("the engine of `{}` saves and loads no prefixes by hand while `reproducible` is on, since "
                            "they are not made of whole steps; name a prefix_directory instead",
                            model_->name()),
                {.model = model_->name()});
}

std::optional<std::vector<std::byte>> Scheduler::state_of(std::span<const Token> prefix) {
  require_files();
  auto& known = tree();
  const auto offer = known.reserve(spare(), prefix);
  std::optional<std::vector<std::byte>> state;
  if (offer.restore > free_cells()) known.make_room(offer.restore - free_cells());
  if (offer.length == prefix.size() && offer.restore <= free_cells() && known.take(spare()) == prefix.size())
    state = context_->save(spare());
  known.release(spare());
  context_->remove(spare(), 0, -1);
  return state;
}

bool Scheduler::make_known(std::span<const Token> prefix, std::span<const std::byte> state) {
  require_files();
  auto& known = tree();
  if (prefix.size() > free_cells()) known.make_room(prefix.size() - free_cells());
  const bool fits = prefix.size() <= free_cells() && context_->restore(spare(), state);
  const bool kept = fits && known.give(spare(), prefix, free_cells()) == prefix.size();
  known.release(spare());
  context_->remove(spare(), 0, -1);
  return kept;
}

int Scheduler::threads() const {
  return options_.yields ? governor_.threads() : options_.threads;
}

EngineStats Scheduler::stats() const {
  auto stats = stats_;
  stats.queued = waiting_.size();
  stats.held_back = held_back_.size();
  stats.running = running_.size();
  stats.threads = threads();
  stats.slowdowns = governor_.slowdowns();
  stats.kv_free = free_cells();
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

std::size_t Scheduler::free_cells() const {
  std::size_t used = tree_ ? tree_->cells() : 0;
  for (const auto& running : running_) used += running.reserved;
  return static_cast<std::size_t>(options_.kv_tokens) - std::min(used, static_cast<std::size_t>(options_.kv_tokens));
}

// --- requests --------------------------------------------------------------------------------------------------------

void Scheduler::enqueue(Job job) {
  held_back_.push_back(std::move(job));
  fill_queue();
}

/// As far as there are places.  Those who were refused are not here.
void Scheduler::fill_queue() {
  const bool is_bounded = options_.when_full == WhenFull::wait;
  while (!held_back_.empty()) {
    if (is_bounded && waiting_.size() >= static_cast<std::size_t>(options_.queue_limit)) return;
    auto& job = held_back_.front();
    // Behind those that matter as much or more, and those that waited too long already.
    auto place = waiting_.end();
    while (place != waiting_.begin() && std::prev(place)->work.priority < job.work.priority &&
           std::prev(place)->overtaken < patience)
      --place;
    job.group = group_of(job.adapters);
    waiting_.splice(place, held_back_, held_back_.begin());
  }
}

Error Scheduler::closed() const {
  return {Errc::model_not_loaded,
          std::format("the engine of `{}` was closed while the request was under way", model_->name()),
          {.model = model_->name()}};
}

std::optional<Error> Scheduler::interruption(const Job& job) const {
  if (closing_.load(std::memory_order_relaxed)) return closed();
  if (job.work.stop.stop_requested() || job.mailbox->abandoned())
    return Error(Errc::cancelled, "the request was cancelled", {.model = model_->name()});
  if (job.work.deadline && Clock::now() >= *job.work.deadline)
    return Error(Errc::deadline_exceeded, "the request's deadline passed before the reply was complete",
                 {.model = model_->name()});
  return std::nullopt;
}

/// Ends the requests whose callers have given up.
void Scheduler::sweep() {
  const auto has_ended = [&](const Job& job) {
    const auto reason = interruption(job);
    if (!reason) return false;
    ++stats_.cancelled;
    ended_.emplace_back(job.mailbox, std::unexpected(*reason));
    return true;
  };
  std::erase_if(waiting_, has_ended);
  std::erase_if(held_back_, has_ended);
  for (auto running = running_.begin(); running != running_.end();) {
    auto& each = *running++;
    if (const auto reason = interruption(each.job)) fail(each, *reason);
  }
}

void Scheduler::close() {
  sweep();
  try {
    if (tree_) tree_->flush();
  } catch (const Error& error) {
    log(LogLevel::warning, "llama", error.what());
  }
}

void Scheduler::deliver() {
  for (auto& [mailbox, result] : ended_) mailbox->finish(std::move(result));
  ended_.clear();
}

// --- ends ------------------------------------------------------------------------------------------------------------

void Scheduler::begin_reply(Running& running) {
  running.reply_at = Clock::now();
  if (running.job.streams)
    running.job.mailbox->put({.kind = StreamEvent::Kind::prompt_done, .usage = running.sequence.usage()});
}

void Scheduler::put_text(const Running& running, std::string text) {
  if (running.job.streams && !text.empty())
    running.job.mailbox->put({.text = std::move(text), .usage = running.sequence.usage()});
}

void Scheduler::succeed(Running& running) {
  const auto& sequence = running.sequence;
  Generated reply;
  reply.text = sequence.text();
  reply.finish = sequence.finish();
  reply.logprobs = sequence.logprobs();
  reply.closed_early = sequence.closed_early();
  reply.loop_ended = sequence.loop_ended();
  reply.unenforced = mask::descriptions(running.job.held.unenforced);
  reply.resume_points = sequence.resume_points();
  reply.usage = sequence.usage();
  end(running, &EngineStats::completed, true, std::move(reply));
}

void Scheduler::fail(Running& running, Error error) {
  auto info = error.info();
  if (info.raw.empty()) info.raw = running.sequence.text();
  error = Error(error.code(), error.what(), std::move(info));
  // After an interruption, or where a contract has no way on, what the context holds is known; else it may not be.
  const bool given_up = error.code() == Errc::cancelled || error.code() == Errc::deadline_exceeded ||
                        error.code() == Errc::model_not_loaded;
  const bool keeps = given_up || error.code() == Errc::invalid_parameter;
  if (!keeps) {
    suspect_ = true;
    log(LogLevel::error, "llama", error.what());
  }
  end(running, given_up ? &EngineStats::cancelled : &EngineStats::failed, keeps, std::unexpected(std::move(error)));
}

/// The context cannot be trusted any more.
void Scheduler::fail_all(const Error& error) {
  suspect_ = true;
  drop_context();
  const auto told = model_->on_gpu() ? explained(error, model_->name(), model_->placement()) : error;
  while (!running_.empty()) fail(running_.front(), told);
}

/// `keep`: what was computed is right, and may serve another request.
void Scheduler::end(Running& running, std::uint64_t EngineStats::* outcome, bool keep,
                    std::expected<Generated, Error> result) {
  const auto now = Clock::now();
  const auto& sequence = running.sequence;
  const auto usage = sequence.usage();
  const auto reply_at = running.reply_at.value_or(now);
  const auto computed = std::min(sequence.computed(), static_cast<std::size_t>(*usage.prompt_tokens));
  ++(stats_.*outcome);
  stats_.prompt_tokens += *usage.prompt_tokens;
  stats_.reused_tokens += *usage.cache_read_tokens;
  stats_.computed_tokens += computed - std::min<std::uint64_t>(computed, *usage.cache_read_tokens);
  (running.job.scores ? stats_.scored_tokens : stats_.completion_tokens) += *usage.completion_tokens;
  stats_.forced_tokens += sequence.forced();
  stats_.queue_seconds += seconds(running.started_at - running.job.queued_at);
  stats_.prompt_seconds += seconds(reply_at - running.started_at);
  stats_.completion_seconds += seconds(now - reply_at);
  if (tree_) {
    if (keep && !suspect_) remember(running);
    tree_->release(running.id);
  }
  if (context_) context_->remove(running.id, 0, -1);
  free_ids_.push_back(running.id);
  ended_.emplace_back(running.job.mailbox, std::move(result));
  running_.remove_if([&](const Running& other) { return &other == &running; });
  if (tree_ && !running_.empty()) tree_->shrink_idle(idle_beside_work);
}

}  // namespace dspy::llama
