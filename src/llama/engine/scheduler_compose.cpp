// What is in a step: whose tokens, how many of them, and which of them are guesses.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/media/senses.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <limits>

namespace dspy::llama {
namespace {

/// The first `count` pending tokens, but no part of a picture or a sound: a whole one, if nothing comes before it, or
/// all before it.
std::size_t whole(std::span<const Token> pending, std::size_t count, const Senses* senses) {
  const auto left = pending.first(count);
  const auto medium = std::ranges::find_if(left, is_media);
  if (medium == left.end() || senses == nullptr) return count;
  std::size_t place = static_cast<std::size_t>(medium - left.begin());
  while (place < pending.size() && (place < count || place == 0)) {
    const auto* const piece = is_media(pending[place]) ? senses->find(pending[place]).piece : nullptr;
    const auto size = piece != nullptr ? static_cast<std::size_t>(piece->count) : std::size_t{1};
    if (place != 0 && place + size > count) return place;
    place += size;
  }
  return std::min(place, pending.size());
}

/// Tokens until the state of a prompt is kept, where a step ends.
std::size_t before_checkpoint(std::size_t checkpoint, std::size_t computed) {
  return checkpoint > computed ? checkpoint - computed : std::numeric_limits<std::size_t>::max();
}

}  // namespace

/// One token of every reply, then prompts, in the order in which they were started.
void Scheduler::compose() {
  step_began_ = Clock::now();
  batch_.clear();
  slices_.clear();
  choose_group();
  auto room = static_cast<std::size_t>(options_.batch);
  std::vector<Running*> replies, prompts;
  for (auto& running : running_) {
    if (running.job.group != group_) continue;
    (running.job.scores || running.sequence.reads_prompt() ? prompts : replies).push_back(&running);
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
  // Behind them, what may come next; half of what is left of a step stays for prompts.
  auto needed = std::size_t{0};
  for (const auto* running : replies) needed += running->sequence.pending().size();
  auto rows = outputs_ - std::min(outputs_, replies.size() + prompts.size());
  const auto drafts = drafts_ ? std::min({allowance(needed), rows, (room - std::min(room, needed)) / 2}) : 0;
  draft(replies, drafts);
  for (auto left = replies.size(); auto* running : replies) {
    add(*running, room - batch_.size() - --left);
    rows -= slices_.empty() ? 0 : slices_.back().drafted;
  }
  // Those whose replies are under way wait for the whole step, so it should not be long.
  auto most = replies.empty() ? room : std::min(room, static_cast<std::size_t>(options_.prefill_chunk));
  most = std::max<std::size_t>(most, 1);
  for (auto* running : prompts) {
    // A picture is computed as a whole, so a step may be larger than asked.
    const auto left = std::min(most, room - std::min(room, batch_.size()));
    if (left == 0) break;
    const auto before = batch_.size();
    if (running->job.scores)
      add_scored(*running, left, rows);
    else
      add(*running, left);
    most -= std::min(most, batch_.size() - before);
  }
  fill_up();
}

void Scheduler::add(Running& running, std::size_t most) {
  const auto pending = running.sequence.pending();
  const auto until = before_checkpoint(running.checkpoint, running.sequence.computed());
  const auto count = whole(pending, std::min({pending.size(), most, until}), model_->senses());
  if (count == 0) return;
  const bool completes = count == pending.size();
  for (std::size_t i = 0; i < count; ++i)
    batch_.push_back({.token = pending[i],
                      .position = static_cast<int>(running.sequence.computed() + i),
                      .sequence = running.id,
                      .output = completes && i + 1 == count});
  auto position = static_cast<int>(running.sequence.tokens().size());
  const auto guesses = completes ? running.sequence.drafted() : std::span<const Sequence::Drafted>();
  for (const auto& [token, asks] : guesses)
    batch_.push_back({.token = token, .position = position++, .sequence = running.id, .output = asks});
  slices_.push_back({&running, count, guesses.size(), completes});
}

/// `rows`: how many tokens may have scores beside the request's one.
void Scheduler::add_scored(Running& running, std::size_t most, std::size_t& rows) {
  const auto& sequence = running.sequence;
  const auto pending = sequence.pending();
  const auto before_scores = sequence.prompt_size() - 1 - std::min(sequence.prompt_size() - 1, sequence.computed());
  const auto until = before_checkpoint(running.checkpoint, sequence.computed());
  const auto count =
      whole(pending, std::min({pending.size(), most, before_scores + 1 + rows, until}), model_->senses());
  if (count == 0) return;
  for (std::size_t i = 0; i < count; ++i)
    batch_.push_back({.token = pending[i],
                      .position = static_cast<int>(sequence.computed() + i),
                      .sequence = running.id,
                      .output = i >= before_scores});
  rows -= std::min(rows, count - std::min(count, before_scores + 1));
  slices_.push_back({&running, count, 0, count == pending.size()});
}

/// Guesses how replies go on, `most` tokens in all: by what came before, here or in earlier replies, else by the draft
/// model.
void Scheduler::draft(std::span<Running* const> replies, std::size_t most) {
  const auto share_of = [&](std::size_t left) {
    return std::min((most + left - 1) / left, static_cast<std::size_t>(options_.draft_tokens));
  };
  std::vector<Drafter::Wish> wishes;
  for (auto left = replies.size(); auto* running : replies) {
    const auto found = running->sequence.draft(share_of(left--), &earlier_replies_).size();
    most -= found;
    if (drafter_ && found == 0 && running->job.media.empty()) wishes.push_back({running->id, &running->sequence, 0});
  }
  if (wishes.empty() || most == 0) return;
  for (auto left = wishes.size(); auto& wish : wishes) {
    wish.most = share_of(left--);
    wish.sequence->limit_draft(wish.most);
    most -= wish.most;
  }
  std::erase_if(wishes, [](const Drafter::Wish& wish) { return wish.most == 0; });
  const auto before = Clock::now();
  try {
    drafter_->guess(wishes);
  } catch (const Error& error) {
    log(LogLevel::warning, "llama",
        std::format("replies of `{}` are no longer guessed by its draft model: {}", model_->name(), error.what()));
    drafter_.reset();
  }
  stats_.draft_seconds += std::chrono::duration<double>(Clock::now() - before).count();
}

/// How many tokens may be drafted beside so many.
std::size_t Scheduler::allowance(std::size_t tokens) const noexcept {
  return options_.speculation == Speculation::on ? std::size_t{more_outputs} : draft_budget_.allowance(tokens);
}

/// Up to whole groups, where that takes less time.  What is added belongs to nobody, and is gone after the step.
void Scheduler::fill_up() {
  padding_ = 0;
  if (options_.reproducible || !model_->handle().facts().memory_has_parts) return;
  if (batch_.size() >= static_cast<std::size_t>(options_.batch) || is_media(batch_.front().token)) return;
  const auto most = std::min(static_cast<std::size_t>(options_.batch) - batch_.size(), free_cells());
  const auto wanted = step_padding_.padding(batch_.size());
  if (wanted > most) return;
  for (; padding_ < wanted; ++padding_)
    batch_.push_back({.token = batch_.front().token, .position = static_cast<int>(padding_), .sequence = spare()});
}

}  // namespace dspy::llama
