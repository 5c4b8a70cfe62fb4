// From the queue into the context: which request starts next, and what its prompt shares with others.
#include "dspy/base/error.hpp"
#include "llama/engine/scheduler.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace dspy::llama {
namespace {

/// A prompt that has less than this in common with one that is being read does not wait for it.
constexpr std::size_t worth_waiting_for = 16;
/// How far down the queue a request is looked for that can start.
constexpr std::size_t look_ahead = 64;

}  // namespace

void Scheduler::admit() {
  fill_queue();
  if ((suspect_ || options_.reproducible) && !running_.empty()) return;
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
      if (options_.reproducible) return;
    } else if (outcome == Admission::no_room && job->overtaken >= patience) {
      return;  // what becomes free is for this one
    } else {
      ++job;
    }
  }
}

/// Whether a request that runs is about to compute what this prompt starts with.
bool Scheduler::follows(const Job& job, std::span<const Token> prompt, std::size_t known) {
  Running* source = nullptr;
  std::size_t most = known;
  std::size_t soon = known;
  for (auto& running : running_) {
    if (running.job.group != job.group) continue;
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
  const auto shared = tree_->give(running.id, running.sequence.tokens().first(count), free_cells());
  running.reserved -= shared - running.shared;
  running.shared = shared;
}

/// What is known of a prompt, and may be used.
PromptTree::Offer Scheduler::look_up(const Job& job, int id, std::span<const Token> prompt) {
  auto offer = tree_->reserve(id, prompt, job.group);
  if (options_.reproducible && offer.length % step_size != 0)
    offer = tree_->reserve(id, prompt.first(offer.length - offer.length % step_size), job.group);
  return offer;
}

/// For a reproducible engine, in which nothing runs: what comes next lies in the first cells.
void Scheduler::empty_cells() {
  if (tree_) tree_->make_room(static_cast<std::size_t>(options_.kv_tokens));
  context_->clear();
}

/// What a request computed becomes the tree's: its prompt, which may come again without the reply, then the reply, but
/// not one that was only scored.  Of a reproducible engine, that is what another one would have computed just so: whole
/// steps of the prompt.
void Scheduler::remember(Running& running) {
  const auto& sequence = running.sequence;
  if (!options_.reproducible) {
    give(running, std::min(sequence.computed(), sequence.prompt_size()));
    if (!running.job.scores) give(running, sequence.computed());
    return;
  }
  const auto whole = std::min(sequence.computed(), sequence.prompt_size()) / step_size * step_size;
  for (auto count = step_size; count <= whole; count += step_size) give(running, count);
}

/// What the tree knows of a prompt, in sequence `id`; or why the request cannot start now.
std::expected<Scheduler::Known, Scheduler::Admission> Scheduler::take_from_tree(const Job& job, int id,
                                                                                std::span<const Token> prompt,
                                                                                std::size_t most) {
  auto offer = look_up(job, id, prompt);
  if (follows(job, prompt, offer.length)) {
    tree_->release(id);
    return std::unexpected(Admission::follows);
  }
  offer = look_up(job, id, prompt);
  auto need = most - offer.length + offer.restore;
  if (need > free_cells()) tree_->make_room(need - free_cells());
  if (need > free_cells() && running_.empty()) {
    // What is known of the prompt takes more room than there is beside the rest, and cannot be cut: compute it again.
    tree_->reserve(id, {}, job.group);
    tree_->make_room(static_cast<std::size_t>(options_.kv_tokens));
    need = most;
  }
  if (need > free_cells()) {
    tree_->release(id);
    return std::unexpected(Admission::no_room);
  }
  auto taken = tree_->take(id);
  if (options_.reproducible && taken % step_size != 0) {  // a file was lost
    tree_->reserve(id, {}, job.group);
    empty_cells();
    taken = 0;
  }
  return Known{.taken = taken, .owned = taken};
}

Scheduler::Admission Scheduler::start(Job& job) {
  if (suspect_ && running_.empty()) make_context();
  context();
  if (options_.reproducible) empty_cells();
  const auto room = static_cast<std::size_t>(options_.context_length);
  const auto most = Sequence::most_computed(job.work, room);
  const int id = free_ids_.back();
  auto tokens = job.work.prompt;
  if (!job.scores) tokens.insert(tokens.end(), job.given.begin(), job.given.end());
  // The scores after the last token are mostly not kept, so that one is computed again.
  if (!job.first_scores || job.first_scores->empty() || tokens.size() > job.work.prompt.size()) tokens.pop_back();
  const auto prompt = std::span<const Token>(tokens).first(std::min(tokens.size(), most));
  if (!tree_ && most > free_cells()) return Admission::no_room;
  const auto known = tree_ ? take_from_tree(job, id, prompt, most) : states_ ? take_state(job, id, prompt) : Known();
  if (!known) return known.error();
  Sequence sequence(*model_, job.work, job.held, room,
                    {.tokens = job.given,
                     .scored = job.scores,
                     .named = job.named,
                     .loop_tokens = static_cast<std::size_t>(options_.loop_tokens)});
  job.work.prompt = {};
  sequence.reuse(known->taken);
  running_.push_back({.job = std::move(job),
                      .sequence = std::move(sequence),
                      .id = id,
                      .shared = known->owned,
                      .reserved = most - known->owned,
                      .started_at = Clock::now(),
                      .checkpoint = known->checkpoint});
  free_ids_.pop_back();
  if (tree_) tree_->shrink_idle(idle_beside_work);
  begin_at_once(running_.back());
  return Admission::started;
}

/// What needs no step: a reply all of which had to come, and the first token after a prompt whose scores are known.
void Scheduler::begin_at_once(Running& running) {
  auto& sequence = running.sequence;
  const bool had_to_come = sequence.finished();
  if (!had_to_come && (!sequence.pending().empty() || !running.job.first_scores)) return;
  begin_reply(running);
  try {
    auto text = sequence.text();
    if (!had_to_come) {
      auto scores = *running.job.first_scores;
      text = sequence.accept(scores);
    }
    put_text(running, std::move(text));
    if (sequence.finished()) succeed(running);
  } catch (const Error& error) {
    fail(running, error);
  }
}

}  // namespace dspy::llama
