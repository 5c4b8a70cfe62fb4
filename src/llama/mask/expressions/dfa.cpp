#include "llama/mask/expressions/dfa.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <span>

namespace dspy::llama::mask {
namespace {

/// The states from which an accepting one can be reached.
std::vector<bool> live_states(std::span<const Dfa::State> rows, std::size_t width,
                              const std::vector<Dfa::Facts>& facts) {
  std::vector<std::vector<Dfa::State>> from(facts.size());
  for (std::size_t state = 1; state < facts.size(); ++state) {
    Dfa::State last = Dfa::dead;
    for (const auto to : rows.subspan(state * width, width)) {
      if (to != Dfa::dead && to != last) from[to].push_back(static_cast<Dfa::State>(state));
      last = to;
    }
  }
  std::vector<bool> live(facts.size());
  std::vector<Dfa::State> open;
  const auto reach = [&](std::size_t state) {
    if (live[state]) return;
    live[state] = true;
    open.push_back(static_cast<Dfa::State>(state));
  };
  for (std::size_t state = 1; state < facts.size(); ++state) {
    if (facts[state].accepts) reach(state);
  }
  while (!open.empty()) {
    const auto state = open.back();
    open.pop_back();
    for (const auto before : from[state]) reach(before);
  }
  return live;
}

}  // namespace

Dfa::Dfa(const ByteClasses& classes, std::vector<State> rows, const std::vector<Facts>& facts, State start)
    : classes_(classes) {
  const auto width = classes_.count();
  const auto live = live_states(rows, width, facts);
  std::vector<State> renamed(facts.size(), dead);
  State kept = 1;
  for (std::size_t state = 1; state < renamed.size(); ++state) {
    if (live[state]) renamed[state] = kept++;
  }
  start_ = renamed[start];
  flags_.reserve(kept);
  next_.reserve(kept * width);
  for (std::size_t state = 0; state < renamed.size(); ++state) {
    if (state != 0 && !live[state]) continue;
    bool ends = true;
    for (const auto to : std::span(rows).subspan(state * width, width)) {
      next_.push_back(renamed[to]);
      ends = ends && renamed[to] == dead;
    }
    flags_.push_back(static_cast<std::uint8_t>((facts[state].accepts ? accepting : 0) |
                                               (facts[state].at_boundary ? boundary : 0) | (ends ? final_state : 0)));
  }
  merge_classes();
}

/// Makes one of the classes that no state tells apart.
void Dfa::merge_classes() {
  const auto width = classes_.count();
  const auto same = [&](std::size_t a, std::size_t b) {
    for (std::size_t row = 0; row < next_.size(); row += width) {
      if (next_[row + a] != next_[row + b]) return false;
    }
    return true;
  };
  std::array<std::uint8_t, 256> into{};
  std::vector<std::size_t> kept;
  for (std::size_t one = 0; one < width; ++one) {
    const auto found = std::ranges::find_if(kept, [&](std::size_t other) { return same(one, other); });
    into[one] = static_cast<std::uint8_t>(found - kept.begin());
    if (found == kept.end()) kept.push_back(one);
  }
  if (kept.size() == width) return;
  std::vector<State> next;
  next.reserve(size() * kept.size());
  for (std::size_t row = 0; row < next_.size(); row += width) {
    for (const auto one : kept) next.push_back(next_[row + one]);
  }
  next_ = std::move(next);
  classes_.merge(into, kept.size());
}

/// For each number of characters the states from which some text of just that many is accepted, until these sets
/// repeat.
struct Dfa::Lengths {
  std::vector<std::vector<bool>> states;
  std::size_t settled = 0;
  std::size_t period = 1;
};

/// Adds the states inside of characters after which one of `states` can come.
void Dfa::pass_through_characters(std::vector<bool>& states) const {
  for (bool changed = true; changed;) {
    changed = false;
    for (State state = 1; state < size(); ++state) {
      if (at_boundary(state) || states[state]) continue;
      const auto row = std::span(next_).subspan(state * classes_.count(), classes_.count());
      if (!std::ranges::any_of(row, [&](State to) { return states[to]; })) continue;
      states[state] = true;
      changed = true;
    }
  }
}

/// From the states that accept texts of n characters, those that accept texts of n + 1.
std::vector<bool> Dfa::step_lengths(std::vector<bool> shorter) const {
  std::vector<bool> out(size());
  for (State state = 1; state < size(); ++state) {
    if (!at_boundary(state)) continue;
    const auto row = std::span(next_).subspan(state * classes_.count(), classes_.count());
    out[state] = std::ranges::any_of(row, [&](State to) { return shorter[to]; });
  }
  pass_through_characters(out);
  return out;
}

bool Dfa::settle_lengths() {
  if (lengths_) return true;
  constexpr std::size_t most_work = 20'000'000;
  const auto most_steps = most_work / std::max<std::size_t>(next_.size(), 1);
  auto out = std::make_shared<Lengths>();
  std::unordered_map<std::vector<bool>, std::size_t> seen;
  std::vector<bool> current(size());
  for (State state = 1; state < size(); ++state) current[state] = at_boundary(state) && accepts(state);
  pass_through_characters(current);
  while (true) {
    const auto [found, is_new] = seen.try_emplace(current, out->states.size());
    if (!is_new) {
      out->settled = found->second;
      out->period = out->states.size() - found->second;
      lengths_ = std::move(out);
      return true;
    }
    if (out->states.size() > most_steps) return false;
    out->states.push_back(current);
    current = step_lengths(std::move(current));
  }
}

bool Dfa::can_end(State state, std::size_t min, std::size_t max) const noexcept {
  assert(lengths_);
  const auto& [states, settled, period] = *lengths_;
  const auto last = std::min(max, std::max(min, settled) + period - 1);
  for (auto length = min; length <= last; ++length) {
    const auto index = length < states.size() ? length : settled + (length - settled) % period;
    if (states[index][state]) return true;
  }
  return false;
}

std::size_t Dfa::settled_length() const noexcept {
  assert(lengths_);
  return lengths_->settled + lengths_->period;
}

}  // namespace dspy::llama::mask
