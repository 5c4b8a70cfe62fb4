#include "llama/scheduler.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"

#include <algorithm>
#include <format>
#include <functional>
#include <iterator>
#include <utility>

namespace dspy::llama {
namespace {

/// With flash attention, steps of fewer than 64 tokens give the same bits however prompts are cut into them and
/// whatever shares them.
constexpr std::size_t reproducible_batch = 48;
/// A prompt that has less than this in common with one that is being read does not wait for it.
constexpr std::size_t worth_waiting_for = 16;
/// Idle tokens that may stay in the cells beside running requests.  None: attention scans them in every step.
constexpr std::size_t idle_beside_work = 0;
/// How far down the queue a request is looked for that can start.
constexpr std::size_t look_ahead = 64;

double seconds(Scheduler::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

/// Sequences for the tree's nodes; each running request may share two or three.
int tree_sequences(const EngineOptions& options) {
  return std::min(2 * options.sequences + 16, 254 - options.sequences);
}

}  // namespace

Scheduler::Scheduler(std::shared_ptr<const Model> model, EngineOptions options, const std::atomic<bool>& closing)
    : model_(std::move(model)),
      options_(options),
      closing_(closing),
      shares_(options.reuse && model_->handle().facts().memory_has_parts),
      governor_(options.yields ? options.threads : 1) {
  make_context();
  options_.batch = std::min(options_.batch, context_->batch());
  options_.kv_tokens = std::min(options_.kv_tokens, context_->context_length());
  options_.context_length = std::min(options_.context_length, options_.kv_tokens);
  stats_.kv_tokens = static_cast<std::size_t>(options_.kv_tokens);
  for (int id = options_.sequences; id-- > 0;) free_ids_.push_back(id);
}

void Scheduler::make_context() {
  drop_context();
  suspect_ = false;
  // The tree's sequences, and one to work with.
  const int own = shares_ ? tree_sequences(options_) + 1 : 0;
  context_ =
      model_->handle().new_context({.context_length = options_.kv_tokens,
                                    .batch = options_.batch,
                                    .sequences = options_.sequences + own,
                                    .outputs = std::min(options_.sequences, options_.batch),
                                    .threads = threads(),
                                    .interrupted = [](void* self) { return static_cast<Scheduler*>(self)->poll(); },
                                    .interrupted_data = this});
  if (shares_)
    tree_ = std::make_unique<PromptTree>(
        *context_, PromptTree::Limits{.first_sequence = options_.sequences + 1,
                                      .sequences = own - 1,
                                      .host_bytes = static_cast<std::size_t>(options_.host_bytes)});
}

void Scheduler::drop_context() noexcept {
  if (tree_) {
    tree_totals_.stored += tree_->totals().stored;
    tree_totals_.restored += tree_->totals().restored;
    tree_totals_.dropped += tree_->totals().dropped;
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

std::optional<std::vector<std::byte>> Scheduler::state_of(std::span<const Token> prefix) {
  const int spare = options_.sequences;
  auto& known = tree();
  const auto offer = known.reserve(spare, prefix);
  std::optional<std::vector<std::byte>> state;
  if (offer.restore > free_cells()) known.make_room(offer.restore - free_cells());
  if (offer.length == prefix.size() && offer.restore <= free_cells() && known.take(spare) == prefix.size())
    state = context_->save(spare);
  known.release(spare);
  context_->remove(spare, 0, -1);
  return state;
}

bool Scheduler::make_known(std::span<const Token> prefix, std::span<const std::byte> state) {
  const int spare = options_.sequences;
  auto& known = tree();
  if (prefix.size() > free_cells()) known.make_room(prefix.size() - free_cells());
  const bool fits = prefix.size() <= free_cells() && context_->restore(spare, state);
  const bool kept = fits && known.give(spare, prefix) == prefix.size();
  known.release(spare);
  context_->remove(spare, 0, -1);
  return kept;
}

int Scheduler::threads() const {
  return options_.yields ? governor_.threads() : options_.threads;
}

EngineStats Scheduler::stats() const {
  auto stats = stats_;
  stats.queued = waiting_.size();
  stats.running = running_.size();
  stats.threads = threads();
  stats.slowdowns = governor_.slowdowns();
  stats.kv_free = free_cells();
  if (tree_) {
    stats.cached_tokens = tree_->cells();
    stats.host_bytes = tree_->host_bytes();
  }
  const auto totals = tree_ ? tree_->totals() : PromptTree::Totals{};
  stats.stored_tokens = tree_totals_.stored + totals.stored;
  stats.restored_tokens = tree_totals_.restored + totals.restored;
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
  // Behind those that matter as much or more.
  const auto place = std::ranges::find_if(waiting_, [&](const Job& other) {
    return other.work.priority < job.work.priority && other.overtaken < patience;
  });
  waiting_.insert(place, std::move(job));
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
  std::erase_if(waiting_, [&](const Job& job) {
    const auto reason = interruption(job);
    if (!reason) return false;
    ++stats_.cancelled;
    ended_.emplace_back(job.mailbox, std::unexpected(*reason));
    return true;
  });
  for (auto running = running_.begin(); running != running_.end();) {
    auto& each = *running++;
    if (const auto reason = interruption(each.job)) fail(each, *reason);
  }
}

void Scheduler::close() {
  sweep();
}

void Scheduler::deliver() {
  for (auto& [mailbox, result] : ended_) mailbox->finish(std::move(result));
  ended_.clear();
}

void Scheduler::admit() {
  if (suspect_ && !running_.empty()) return;
  const auto impatient = std::ranges::find_if(waiting_, [](const Job& job) { return job.overtaken >= patience; });
  if (impatient != waiting_.end()) waiting_.splice(waiting_.begin(), waiting_, impatient);
  std::size_t looked = 0;
  for (auto job = waiting_.begin(); job != waiting_.end() && !free_ids_.empty() && looked < look_ahead; ++looked) {
    Admission outcome{};
    try {
      outcome = start(*job);
    } catch (const std::exception& error) {
      ++stats_.failed;
      suspect_ = true;
      if (tree_) tree_->release(free_ids_.back());
      if (context_) context_->remove(free_ids_.back(), 0, -1);
      const auto* const known = dynamic_cast<const Error*>(&error);
      ended_.emplace_back(
          job->mailbox,
          std::unexpected(known ? *known : Error(Errc::inference_failed, error.what(), {.model = model_->name()})));
      waiting_.erase(job);
      return;
    }
    if (outcome == Admission::started) {
      for (auto& other : waiting_) other.overtaken += other.queued_at < job->queued_at ? 1 : 0;
      job = waiting_.erase(job);
    } else if (outcome == Admission::no_room && job->overtaken >= patience) {
      return;  // what becomes free is for this one
    } else {
      ++job;
    }
  }
}

/// Whether a request that runs is about to compute what this prompt starts with.
bool Scheduler::follows(std::span<const Token> prompt, std::size_t known) {
  Running* source = nullptr;
  std::size_t most = known;
  std::size_t soon = known;
  for (auto& running : running_) {
    const auto& sequence = running.sequence;
    const auto common = common_prefix(sequence.tokens(), prompt);
    const auto computed = std::min(common, sequence.computed());
    if (computed > most) {
      most = computed;
      source = &running;
    }
    soon = std::max(soon, common);
  }
  if (soon >= most + worth_waiting_for) return true;
  if (source && most >= known + worth_waiting_for) {
    give(*source, most);
  }
  return false;
}

/// The running request's first `count` tokens become the tree's.
void Scheduler::give(Running& running, std::size_t count) {
  const auto shared = tree_->give(running.id, running.sequence.tokens().first(count));
  running.reserved -= shared - running.shared;
  running.shared = shared;
}

Scheduler::Admission Scheduler::start(Job& job) {
  if (suspect_ && running_.empty()) make_context();
  context();
  const auto room = static_cast<std::size_t>(options_.context_length);
  const auto most = Sequence::most_computed(job.work, room);
  const int id = free_ids_.back();
  std::size_t taken = 0;
  if (tree_) {
    // The scores after the last token are not kept, so that one is always computed.
    const auto prompt = std::span<const Token>(job.work.prompt).first(job.work.prompt.size() - 1);
    auto offer = tree_->reserve(id, prompt);
    if (follows(prompt, offer.length)) {
      tree_->release(id);
      return Admission::follows;
    }
    offer = tree_->reserve(id, prompt);
    auto need = most - offer.length + offer.restore;
    if (need > free_cells()) tree_->make_room(need - free_cells());
    if (need > free_cells() && running_.empty()) {
      // What is known of the prompt takes more room than there is beside the rest: compute it again.
      tree_->reserve(id, {});
      tree_->make_room(static_cast<std::size_t>(options_.kv_tokens));
      need = most;
    }
    if (need > free_cells()) {
      tree_->release(id);
      return Admission::no_room;
    }
    taken = tree_->take(id);
  } else if (most > free_cells()) {
    return Admission::no_room;
  }
  Sequence sequence(*model_, job.work, job.held, room);
  job.work.prompt = {};
  sequence.reuse(taken);
  running_.push_back({.job = std::move(job),
                      .sequence = std::move(sequence),
                      .id = id,
                      .shared = taken,
                      .reserved = most - taken,
                      .started_at = Clock::now()});
  free_ids_.pop_back();
  if (tree_) tree_->shrink_idle(idle_beside_work);
  if (running_.back().sequence.finished()) {  // all of it had to come
    begin_reply(running_.back());
    put_text(running_.back(), running_.back().sequence.text());
    succeed(running_.back());
  }
  return Admission::started;
}

// --- a step ----------------------------------------------------------------------------------------------------------

void Scheduler::step() noexcept {
  try {
    sweep();
    admit();
    if (running_.empty()) return;
    compose();
    if (compute()) advance();
    slices_.clear();
  } catch (const Error& error) {
    fail_all(error);
  } catch (const std::exception& error) {
    fail_all(Error(Errc::inference_failed, error.what(), {.model = model_->name()}));
  }
}

void Scheduler::add(Running& running, std::size_t most) {
  const auto pending = running.sequence.pending();
  const auto count = std::min(pending.size(), most);
  if (count == 0) return;
  const bool completes = count == pending.size();
  for (std::size_t i = 0; i < count; ++i)
    batch_.push_back({.token = pending[i],
                      .position = static_cast<int>(running.sequence.computed() + i),
                      .sequence = running.id,
                      .output = completes && i + 1 == count});
  slices_.push_back({&running, count, completes});
}

/// One token of every reply, then prompts, in the order in which they were started.
void Scheduler::compose() {
  batch_.clear();
  slices_.clear();
  auto room = static_cast<std::size_t>(options_.batch);
  if (options_.reproducible) room = std::min(room, reproducible_batch);
  std::vector<Running*> replies, prompts;
  for (auto& running : running_) (running.sequence.reads_prompt() ? prompts : replies).push_back(&running);

  if (replies.size() > room) {
    turn_ %= replies.size();
    std::ranges::rotate(replies, replies.begin() + static_cast<std::ptrdiff_t>(turn_));
    replies.resize(room);
    turn_ += room;
  }
  // Most have one token to compute; where several had to come, all there is room for.
  for (auto left = replies.size(); auto* running : replies) add(*running, room - batch_.size() - --left);
  // Those whose replies are under way wait for the whole step, so it should not be long.
  auto most = replies.empty() ? room : std::min(room, static_cast<std::size_t>(options_.prefill_chunk));
  most = std::max<std::size_t>(most, 1);
  for (auto* running : prompts) {
    const auto left = std::min(most, room - batch_.size());
    if (left == 0) break;
    const auto before = batch_.size();
    add(*running, left);
    most -= batch_.size() - before;
  }
}

/// Runs the batch.  False if it was interrupted, and the context is as before.
bool Scheduler::compute() {
  const auto before = Clock::now();
  polls_ = 0;
  switch (context_->decode(batch_)) {
    case DecodeStatus::ok: break;
    case DecodeStatus::interrupted:
      for (const auto& slice : slices_) {
        auto& [job, sequence, id, shared, reserved, started_at, reply_at] = *slice.running;
        if (context_->remove(id, static_cast<int>(sequence.computed()), -1)) continue;
        context_->remove(id, 0, -1);
        sequence.restart();
      }
      return false;
    case DecodeStatus::no_room:
      throw Error(Errc::inference_failed, "the context is full, though room was reserved; please report this");
    case DecodeStatus::invalid:
    case DecodeStatus::broken:
      throw Error(Errc::inference_failed, "the inference library could not compute the next tokens; its log says why");
  }
  const auto now = Clock::now();
  ++stats_.steps;
  stats_.step_tokens += batch_.size();
  stats_.most_running = std::max(stats_.most_running, slices_.size());
  if (governor_.observe(batch_.size(), now - before, now)) {
    context_->set_threads(governor_.threads());
    log(LogLevel::debug, "llama",
        std::format("`{}` now computes with {} threads", model_->name(), governor_.threads()));
  }
  return true;
}

/// Takes the next token of every sequence whose last one was computed.
void Scheduler::advance() {
  std::size_t entry = 0;
  for (auto& [running, count, completes] : slices_) {
    auto& sequence = running->sequence;
    entry += count;
    sequence.advance(count);
    if (!running->reply_at && !sequence.reads_prompt()) begin_reply(*running);
    if (!completes) continue;
    try {
      put_text(*running, sequence.accept(context_->logits(static_cast<int>(entry) - 1)));
      if (sequence.finished()) succeed(*running);
    } catch (const Error& error) {
      fail(*running, error);
    }
  }
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
  Reply reply{.text = sequence.text(),
              .usage = sequence.usage(),
              .finish = sequence.finish(),
              .logprobs = sequence.logprobs(),
              .unheld = mask::descriptions(running.job.held.unheld)};
  end(running, &EngineStats::completed, true, std::move(reply));
}

void Scheduler::fail(Running& running, const Error& error) {
  // After an interruption, or where a contract has no way on, what the context holds is known; else it may not be.
  const bool given_up = error.code() == Errc::cancelled || error.code() == Errc::deadline_exceeded ||
                        error.code() == Errc::model_not_loaded;
  const bool keeps = given_up || error.code() == Errc::invalid_parameter;
  if (!keeps) {
    suspect_ = true;
    log(LogLevel::error, "llama", error.what());
  }
  end(running, given_up ? &EngineStats::cancelled : &EngineStats::failed, keeps, std::unexpected(error));
}

/// The context cannot be trusted any more.
void Scheduler::fail_all(const Error& error) {
  suspect_ = true;
  drop_context();
  while (!running_.empty()) fail(running_.front(), error);
}

/// `keep`: what was computed is right, and may serve another request.
void Scheduler::end(Running& running, std::uint64_t EngineStats::* outcome, bool keep,
                    std::expected<Reply, Error> result) {
  const auto now = Clock::now();
  const auto& sequence = running.sequence;
  const auto usage = sequence.usage();
  const auto reply_at = running.reply_at.value_or(now);
  const auto computed = std::min(sequence.computed(), static_cast<std::size_t>(usage.prompt_tokens));
  ++(stats_.*outcome);
  stats_.prompt_tokens += usage.prompt_tokens;
  stats_.reused_tokens += usage.cached_tokens;
  stats_.computed_tokens += computed - std::min<std::uint64_t>(computed, usage.cached_tokens);
  stats_.completion_tokens += usage.completion_tokens;
  stats_.forced_tokens += sequence.forced();
  stats_.queue_seconds += seconds(running.started_at - running.job.queued_at);
  stats_.prompt_seconds += seconds(reply_at - running.started_at);
  stats_.completion_seconds += seconds(now - reply_at);
  if (tree_) {
    if (keep && !suspect_) give(running, sequence.computed());
    tree_->release(running.id);
  }
  if (context_) context_->remove(running.id, 0, -1);
  free_ids_.push_back(running.id);
  ended_.emplace_back(running.job.mailbox, std::move(result));
  running_.remove_if([&](const Running& other) { return &other == &running; });
  if (tree_ && !running_.empty()) tree_->shrink_idle(idle_beside_work);
}

/// Asked hundreds of times in a step, on the engine's thread: whether nobody wants its results any more.  A look at the
/// clock is the only part that costs.
bool Scheduler::poll() {
  if (running_.empty()) return false;
  if (closing_.load(std::memory_order_relaxed)) return true;
  const bool looks_at_clock = ++polls_ % 64 == 0;
  return std::ranges::all_of(slices_, [&](const Slice& slice) {
    const auto& job = slice.running->job;
    return job.mailbox->abandoned() || job.work.stop.stop_requested() ||
           (looks_at_clock && job.work.deadline && Clock::now() >= *job.work.deadline);
  });
}

}  // namespace dspy::llama
