// Requests with the same LoRA adapters are a group; groups take turns.
#include "llama/engine/scheduler.hpp"

#include <algorithm>
#include <vector>

namespace dspy::llama {

std::size_t Scheduler::group_of(const LoraSet& adapters) {
  const auto found = std::ranges::find(groups_, adapters, &Group::adapters);
  auto number = static_cast<std::size_t>(found - groups_.begin());
  if (found == groups_.end()) {
    const auto is_used = [&](std::size_t group) {
      const auto has_it = [&](const Job& job) { return job.group == group; };
      return std::ranges::any_of(waiting_, has_it) || std::ranges::any_of(running_, has_it, &Running::job);
    };
    // Group 0, without adapters, stays.
    for (std::size_t i = 1; i < groups_.size() && groups_.size() >= most_groups; ++i) {
      if (!is_used(i) && (number == groups_.size() || groups_[i].last_use < groups_[number].last_use)) number = i;
    }
    if (number == groups_.size()) {
      groups_.push_back({.adapters = adapters});
    } else {
      if (tree_) tree_->clear(number);
      if (states_) states_->clear(number);
      if (applied_ == number) applied_.reset();
      groups_[number].adapters = adapters;
    }
  }
  groups_[number].last_use = ++group_clock_;
  return number;
}

/// Adapters apply to a whole step, so all requests in a step are of one group.
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

}  // namespace dspy::llama
