// Requests that wait: their order, and those that nobody wants any more.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/engine/scheduler.hpp"

#include <format>
#include <iterator>
#include <utility>

namespace dspy::llama {

void Scheduler::enqueue(Job job) {
  held_back_.push_back(std::move(job));
  fill_queue();
}

/// Moves requests that were held back into the queue, as far as it has places.
void Scheduler::fill_queue() {
  const bool is_bounded = options_.when_full == WhenFull::wait;
  while (!held_back_.empty()) {
    if (is_bounded && waiting_.size() >= static_cast<std::size_t>(options_.queue_limit)) return;
    auto& job = held_back_.front();
    // Behind requests of the same or a higher priority, and those that were overtaken too often.
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

void Scheduler::close() {
  sweep();
  try {
    if (tree_) tree_->flush();
  } catch (const Error& error) {
    log(LogLevel::warning, "llama", error.what());
  }
}

}  // namespace dspy::llama
