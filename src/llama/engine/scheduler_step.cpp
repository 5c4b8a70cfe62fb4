// One batch: whose tokens are in it, computing it, and what follows for each request.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/media/senses.hpp"

#include <algorithm>
#include <format>
#include <utility>

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

}  // namespace

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

/// Guesses how replies go on, `most` tokens in all: by what came before, else by the draft model.
void Scheduler::draft(std::span<Running* const> replies, std::size_t most) {
  const auto share_of = [&](std::size_t left) {
    return std::min((most + left - 1) / left, static_cast<std::size_t>(options_.draft_tokens));
  };
  std::vector<Drafter::Wish> wishes;
  for (auto left = replies.size(); auto* running : replies) {
    const auto found = running->sequence.draft(share_of(left--)).size();
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

void Scheduler::add(Running& running, std::size_t most) {
  const auto pending = running.sequence.pending();
  const auto count = whole(pending, std::min(pending.size(), most), model_->senses());
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
  const auto count = whole(pending, std::min({pending.size(), most, before_scores + 1 + rows}), model_->senses());
  if (count == 0) return;
  for (std::size_t i = 0; i < count; ++i)
    batch_.push_back({.token = pending[i],
                      .position = static_cast<int>(sequence.computed() + i),
                      .sequence = running.id,
                      .output = i >= before_scores});
  rows -= std::min(rows, count - std::min(count, before_scores + 1));
  slices_.push_back({&running, count, 0, count == pending.size()});
}

std::size_t Scheduler::group_of(const LoraSet& adapters) {
  const auto found = std::ranges::find(groups_, adapters, &Group::adapters);
  auto number = static_cast<std::size_t>(found - groups_.begin());
  if (found == groups_.end()) {
    const auto is_used = [&](std::size_t group) {
      const auto has_it = [&](const Job& job) { return job.group == group; };
      return std::ranges::any_of(waiting_, has_it) || std::ranges::any_of(running_, has_it, &Running::job);
    };
    // The plain one, without adapters, stays.
    for (std::size_t i = 1; i < groups_.size() && groups_.size() >= most_groups; ++i) {
      if (!is_used(i) && (number == groups_.size() || groups_[i].last_use < groups_[number].last_use)) number = i;
    }
    if (number == groups_.size()) {
      groups_.push_back({.adapters = adapters});
    } else {
      if (tree_) tree_->clear(number);
      if (applied_ == number) applied_.reset();
      groups_[number].adapters = adapters;
    }
  }
  groups_[number].last_use = ++group_clock_;
  return number;
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
  std::vector<RuntimeLoraUse> uses;
  for (const auto& [adapter, scale] : groups_[group_].adapters) uses.push_back({adapter.get(), scale});
  context_->set_adapters(uses);
  applied_ = group_;
  ++stats_.lora_switches;
}

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

/// How many tokens may be drafted beside so many.
std::size_t Scheduler::allowance(std::size_t tokens) const noexcept {
  return options_.speculation == Speculation::on ? std::size_t{more_outputs} : draft_budget_.allowance(tokens);
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
    sequence.advance(count);
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
  sequence.advance(count);
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

/// Drafted tokens that did not come leave the context.
void Scheduler::take_back(Running& running) {
  auto& sequence = running.sequence;
  if (context_->remove(running.id, static_cast<int>(sequence.computed()), -1)) return;
  context_->remove(running.id, 0, -1);
  sequence.restart();
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
