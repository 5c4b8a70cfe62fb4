// Prompts of models whose memory cannot be cut at a token: where one begins like others, the state there is kept.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/engine/scheduler.hpp"

#include <algorithm>
#include <format>
#include <span>
#include <vector>

namespace dspy::llama {

/// What is known of a prompt, in sequence `id`; or why the request cannot start now.
std::expected<Scheduler::Known, Scheduler::Admission> Scheduler::take_state(const Job& job, int id,
                                                                            std::span<const Token> prompt) {
  const auto* const state = states_->find(job.group, prompt);
  const auto length = state ? state->tokens.size() : 0;
  if (follows_state(job, prompt, length)) return std::unexpected(Admission::follows);
  const auto checkpoint = checkpoint_of(job, prompt, length);
  return Known{.taken = state ? bring_back(*state, id) : 0, .checkpoint = checkpoint};
}

/// Whether a request that runs will soon keep a state that this prompt, of which `known` tokens have one, begins with.
bool Scheduler::follows_state(const Job& job, std::span<const Token> prompt, std::size_t known) const {
  return std::ranges::any_of(running_, [&](const Running& running) {
    const auto place = running.checkpoint;
    return running.job.group == job.group && place > known && running.sequence.computed() < place &&
           common_prefix(running.sequence.tokens(), prompt) >= place;
  });
}

/// The number of prompt tokens after which a request saves the model's state; 0 if it saves none.
std::size_t Scheduler::checkpoint_of(const Job& job, std::span<const Token> prompt, std::size_t known) const {
  std::vector<std::span<const Token>> others;
  for (const auto& other : waiting_) {
    if (&other != &job && other.group == job.group) others.emplace_back(other.work.prompt);
  }
  for (const auto& running : running_) {
    if (running.job.group == job.group) others.push_back(running.sequence.tokens());
  }
  return states_->place(job.group, prompt, known, others);
}

/// Puts a known state into an empty sequence.  Returns how many tokens it is of.
std::size_t Scheduler::bring_back(const StateMemory::State& state, int id) {
  if (context_->restore(id, state.bytes)) {
    stats_.restored_tokens += state.tokens.size();
    return state.tokens.size();
  }
  context_->remove(id, 0, -1);
  states_->forget(state);
  return 0;
}

/// The next `count` tokens of a request were computed.
void Scheduler::advance(Running& running, std::size_t count) {
  auto& sequence = running.sequence;
  sequence.advance(count);
  if (!states_ || running.checkpoint == 0 || sequence.computed() != running.checkpoint) return;
  try {
    states_->keep(running.job.group, sequence.tokens().first(sequence.computed()), context_->save(running.id));
  } catch (const Error& error) {
    log(LogLevel::warning, "llama",
        std::format("prompts of `{}` are no longer kept: {}", model_->name(), error.what()));
    states_.reset();
  }
}

/// Forgets all prompts that no request is using.
void Scheduler::forget_prompts() {
  if (states_)
    states_->clear();
  else
    tree().clear();
}

}  // namespace dspy::llama
