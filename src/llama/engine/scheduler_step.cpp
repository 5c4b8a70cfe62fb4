// One step: computing its batch, and what follows for each request.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/engine/scheduler.hpp"

#include <algorithm>
#include <exception>
#include <format>
#include <utility>

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

/// Runs the batch.  False if it was interrupted, and the context is as before.
bool Scheduler::compute() {
  const auto began = Clock::now();
  polls_ = 0;
  apply_adapters();
  const auto status = context_->decode(batch_);
  if (padding_ > 0 && (status == DecodeStatus::ok || status == DecodeStatus::interrupted))
    context_->remove(spare(), 0, -1);
  switch (status) {
    case DecodeStatus::ok: break;
    case DecodeStatus::interrupted:
      for (const auto& slice : slices_) take_back(*slice.running);
      return false;
    case DecodeStatus::no_room:
      throw Error(Errc::inference_failed, "the context is full, though room was reserved; please report this");
    case DecodeStatus::invalid:
    case DecodeStatus::broken:
      throw Error(Errc::inference_failed, "the inference library could not compute the next tokens; its log says why");
  }
  const auto now = Clock::now();
  ++stats_.steps;
  const auto tokens = batch_.size() - padding_;
  stats_.step_tokens += tokens;
  stats_.filling_tokens += padding_;
  step_padding_.observe(tokens, padding_, now - began);
  stats_.most_running = std::max(stats_.most_running, slices_.size());
  if (governor_.observe(batch_.size(), now - began, now)) {
    context_->set_threads(governor_.threads());
    if (drafter_) drafter_->set_threads(governor_.threads());
    log(LogLevel::debug, "llama",
        std::format("`{}` now computes with {} threads", model_->name(), governor_.threads()));
  }
  return true;
}

/// Takes the next token of every sequence whose last one was computed.
void Scheduler::advance() {
  std::size_t entry = 0;
  std::size_t replies = 0;
  std::uint64_t drafted = 0;
  std::uint64_t accepted = 0;
  for (auto& [running, count, guessed, completes] : slices_) {
    auto& sequence = running->sequence;
    const auto first = std::exchange(entry, entry + count + guessed);
    if (running->job.scores) {
      advance_scored(*running, count, first);
      continue;
    }
    advance(*running, count);
    const bool writes = running->reply_at.has_value();
    if (!writes && !sequence.reads_prompt()) begin_reply(*running);
    if (!completes) continue;
    replies += writes ? 1 : 0;
    drafted += guessed;
    try {
      for (auto further = true; further && !sequence.finished();) {
        const auto scores = context_->logits(static_cast<int>(first + count - 1 + sequence.confirmed()));
        if (auto& known = running->job.first_scores; known && sequence.tokens().size() == sequence.prompt_size())
          known->assign(scores.begin(), scores.end());
        put_text(*running, sequence.accept(scores));
        further = sequence.confirm();
      }
      const auto came = sequence.confirmed();
      accepted += came;
      sequence.settle_draft();
      if (sequence.finished())
        succeed(*running);
      else if (came < guessed)
        take_back(*running);
    } catch (const Error& error) {
      fail(*running, error);
    }
  }
  stats_.drafted_tokens += drafted;
  stats_.accepted_tokens += accepted;
  const auto tokens = batch_.size() - padding_ - drafted;
  // Prompts would hide what the rest takes.
  if (drafts_ && replies == slices_.size())
    draft_budget_.observe({.replies = replies,
                           .tokens = tokens,
                           .drafted = drafted,
                           .accepted = accepted,
                           .time = Clock::now() - step_began_});
}

void Scheduler::advance_scored(Running& running, std::size_t count, std::size_t entry) {
  auto& sequence = running.sequence;
  const auto before = sequence.computed();
  advance(running, count);
  if (!running.reply_at && !sequence.reads_prompt()) begin_reply(running);
  try {
    for (std::size_t i = 0; i < count; ++i) {
      if (before + i + 1 >= sequence.prompt_size()) sequence.score(context_->logits(static_cast<int>(entry + i)));
    }
    if (sequence.finished()) succeed(running);
  } catch (const Error& error) {
    fail(running, error);
  }
}

/// Removes tokens from the context that were drafted and did not come, or of a step that was interrupted.
void Scheduler::take_back(Running& running) {
  auto& sequence = running.sequence;
  if (context_->remove(running.id, static_cast<int>(sequence.computed()), -1)) return;
  context_->remove(running.id, 0, -1);
  sequence.restart();
}

}  // namespace dspy::llama
