// The ends of requests: what their callers get, what is kept of them, and what they add to the totals.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/model/device_fault.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dspy::llama {
namespace {

double seconds(Scheduler::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

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
  if (drafts_ && !running.job.scores && result)
    earlier_replies_.keep(sequence.tokens(), static_cast<std::size_t>(*usage.prompt_tokens));
  if (tree_) {
    if (keep && !suspect_) remember(running);
    tree_->release(running.id);
  } else if (states_ && keep && !suspect_) {
    states_->note(running.job.group, sequence.tokens().first(sequence.computed()));
  }
  if (context_) context_->remove(running.id, 0, -1);
  free_ids_.push_back(running.id);
  ended_.emplace_back(running.job.mailbox, std::move(result));
  running_.remove_if([&](const Running& other) { return &other == &running; });
  if (tree_ && !running_.empty()) tree_->shrink_idle(idle_beside_work);
}

void Scheduler::deliver() {
  for (auto& [mailbox, result] : ended_) mailbox->finish(std::move(result));
  ended_.clear();
}

}  // namespace dspy::llama
