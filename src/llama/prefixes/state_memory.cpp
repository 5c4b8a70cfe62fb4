#include "llama/prefixes/state_memory.hpp"

#include "llama/prefixes/prompt_tree.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace dspy::llama {
namespace {

/// Fewer tokens than this are sooner computed than brought back.
constexpr std::size_t worth_keeping = 32;
/// Prompts that were asked lately.
constexpr std::size_t most_asked = 64;

}  // namespace

const StateMemory::State* StateMemory::find(std::size_t group, std::span<const Token> tokens) {
  State* longest = nullptr;
  for (auto& state : states_) {
    const auto size = state.tokens.size();
    if (state.group != group || size > tokens.size() || (longest && size <= longest->tokens.size())) continue;
    if (std::ranges::equal(state.tokens, tokens.first(size))) longest = &state;
  }
  if (longest) longest->last_use = ++clock_;
  return longest;
}

std::size_t StateMemory::place(std::size_t group, std::span<const Token> tokens, std::size_t known,
                               std::span<const std::span<const Token>> others) const {
  std::vector<std::size_t> common;
  for (const auto other : others) common.push_back(common_prefix(other, tokens));
  for (const auto& asked : asked_) {
    if (asked.group == group) common.push_back(common_prefix(asked.tokens, tokens));
  }
  std::ranges::sort(common, std::greater{});
  std::size_t best = 0, most_saved = 0;
  for (std::size_t i = 0; i < common.size() && common[i] >= known + worth_keeping; ++i) {
    const auto saved = (common[i] - known) * (i + 1);
    if (saved > most_saved) {
      most_saved = saved;
      best = common[i];
    }
  }
  return best;
}

void StateMemory::keep(std::size_t group, std::span<const Token> tokens, std::vector<std::byte> bytes) {
  if (bytes.empty() || bytes.size() > most_bytes_) return;
  if (const auto* const known = find(group, tokens); known && known->tokens.size() == tokens.size()) return;
  while (bytes_ + bytes.size() > most_bytes_) {
    const auto oldest = std::ranges::min_element(states_, {}, &State::last_use);
    totals_.dropped += oldest->tokens.size();
    forget(*oldest);
  }
  bytes_ += bytes.size();
  totals_.stored += tokens.size();
  states_.push_back(
      {.group = group, .tokens = {tokens.begin(), tokens.end()}, .bytes = std::move(bytes), .last_use = ++clock_});
}

void StateMemory::forget(const State& state) {
  bytes_ -= state.bytes.size();
  states_.remove_if([&](const State& other) { return &other == &state; });
}

void StateMemory::note(std::size_t group, std::span<const Token> tokens) {
  if (asked_.size() == most_asked) asked_.pop_front();
  asked_.push_back({.group = group, .tokens = {tokens.begin(), tokens.end()}});
}

void StateMemory::clear() {
  states_.clear();
  asked_.clear();
  bytes_ = 0;
}

void StateMemory::clear(std::size_t group) {
  for (auto state = states_.begin(); state != states_.end();) {
    const auto& each = *state++;
    if (each.group == group) forget(each);
  }
  std::erase_if(asked_, [&](const Asked& asked) { return asked.group == group; });
}

}  // namespace dspy::llama
