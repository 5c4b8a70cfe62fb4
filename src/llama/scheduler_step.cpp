// One batch: whose tokens are in it, computing it, and what follows for each request.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/scheduler.hpp"

#include <algorithm>
#include <format>

namespace dspy::llama {
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

std::size_t Scheduler::group_of(const AdapterSet& adapters) {
  const auto found = static_cast<std::size_t>(std::ranges::find(groups_, adapters) - groups_.begin());
  if (found == groups_.size()) groups_.push_back(adapters);
  return found;
}

/// Adapters change all of a step, so a step is one group's.
void Scheduler::choose_group() {
  const auto runs = [&](std::size_t group) {
    return std::ranges::any_of(running_, [&](const Running& running) { return running.job.group == group; });
  };
  if (turn_steps_++ < turn_steps && runs(group_)) return;
  turn_steps_ = 1;
  for (std::size_t i = 1; i <= groups_.size(); ++i) {
    const auto next = (group_ + i) % groups_.size();
    if (!runs(next)) continue;
    group_ = next;
    return;
  }
}

void Scheduler::apply_adapters() {
  if (applied_ == group_) return;
  std::vector<RuntimeAdapterUse> uses;
  for (const auto& [adapter, scale] : groups_[group_]) uses.push_back({adapter.get(), scale});
  context_->set_adapters(uses);
  applied_ = group_;
  ++stats_.lora_switches;
}

/// One token of every reply, then prompts, in the order in which they were started.
void Scheduler::compose() {
  batch_.clear();
  slices_.clear();
  choose_group();
  auto room = static_cast<std::size_t>(options_.batch);
  std::vector<Running*> replies, prompts;
  for (auto& running : running_) {
    if (running.job.group == group_) (running.sequence.reads_prompt() ? prompts : replies).push_back(&running);
  }
  // Up to the next multiple, however much of the prompt was known.
  if (options_.reproducible && !prompts.empty()) room = step_size - prompts.front()->sequence.computed() % step_size;

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
  apply_adapters();
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
