#include "llama/mask/expressions/automaton.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::mask {
namespace {

struct ByteRange {
  unsigned char first = 0;
  unsigned char last = 0;
};

/// The bytes of whole UTF-8 characters, one after the other (RFC 3629, section 4); ASCII is looked at apart.
constexpr std::array<std::array<ByteRange, 4>, 8> encodings = {{
    {{{0xC2, 0xDF}, {0x80, 0xBF}}},
    {{{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}}},
    {{{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}}},
    {{{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
}};

}  // namespace

Automaton::Automaton(Pool pool, Expr start, const ByteSet& writable)
    : pool_(std::move(pool)), shortest_(writable), classes_(pool_.classes(start)) {
  representatives_ = classes_.representatives();
  width_ = classes_.count();
  exprs_.push_back(Pool::nothing);
  rows_.assign(width_, dead);
  ids_.emplace(Pool::nothing, dead);
  start_ = intern(start);

  const auto sample = [&](unsigned first, unsigned last, auto&& wanted) {
    std::vector<unsigned char> out;
    std::vector<bool> seen(width_);
    for (auto byte = first; byte <= last; ++byte) {
      const auto byte_class = classes_[static_cast<unsigned char>(byte)];
      if (!wanted(byte) || seen[byte_class]) continue;
      seen[byte_class] = true;
      out.push_back(static_cast<unsigned char>(byte));
    }
    return out;
  };
  const auto any = [](unsigned) { return true; };
  for (std::size_t kind = 0; kind < character_kinds; ++kind)
    ascii_[kind] = sample(0x20, 0x7F, [&](unsigned byte) { return kind_of(static_cast<unsigned char>(byte)) <= kind; });
  for (const auto& encoding : encodings) {
    for (const auto& [first, last] : encoding) {
      if (first != 0) samples_.push_back(sample(first, last, any));
    }
    samples_.emplace_back();
  }
}

Automaton::State Automaton::intern(Expr expr) {
  const auto [found, is_new] = ids_.try_emplace(expr, static_cast<State>(exprs_.size()));
  if (is_new) {
    exprs_.push_back(expr);
    rows_.resize(rows_.size() + width_, unknown);
  }
  return found->second;
}

Automaton::State Automaton::compute(State state, std::size_t byte_class) {
  const auto to = intern(pool_.derive(exprs_[state], representatives_[byte_class]));
  rows_[state * width_ + byte_class] = to;
  return to;
}

bool Automaton::goes_on(State state) {
  for (std::size_t i = 0; i < width_; ++i) {
    if (next(state, representatives_[i]) != dead) return true;
  }
  return false;
}

int Automaton::only_byte(State state) {
  if (accepts(state)) return -1;
  int only = -1;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (next(state, static_cast<unsigned char>(byte)) == dead) continue;
    if (only >= 0) return -1;
    only = static_cast<int>(byte);
  }
  return only;
}

Automaton::State Automaton::without_far_bounds(State state, std::size_t reach) {
  if (const auto found = near_.find(state); found != near_.end()) return found->second;
  const auto near = intern(pool_.forget_far_bounds(exprs_[state], static_cast<std::uint32_t>(reach)));
  near_.emplace(state, near);
  return near;
}

Automaton::FreeRun Automaton::free_run(State state, Characters characters, std::size_t limit) {
  const auto is_dead = [&](unsigned char byte) { return next(state, byte) == dead; };
  if (std::ranges::any_of(ascii_[static_cast<std::size_t>(characters)], is_dead)) return {};  // as in most states
  auto& known = free_runs_[static_cast<std::size_t>(characters)];
  if (const auto found = known.find(state); found != known.end()) return found->second;
  const auto run = find_free_run(state, characters, limit);
  known.emplace(state, run);
  return run;
}

/// Follows all characters at once, a set of states after each.  Once a set holds nothing new, there is no end.
Automaton::FreeRun Automaton::find_free_run(State state, Characters characters, std::size_t limit) {
  constexpr std::size_t most_states = 16;
  std::vector<State> here = {state};
  std::vector<State> seen = here;
  for (std::size_t count = 0; count < limit; ++count) {
    std::vector<State> there;
    std::size_t ended = 0;
    for (const auto from : here) {
      const auto& [states, all_alive, all_dead] = successors(from, characters);
      if (all_dead) ++ended;
      if (!all_alive && !all_dead) return {.count = count};
      for (const auto to : states) {
        if (!std::ranges::contains(there, to)) there.push_back(to);
      }
    }
    if (ended != 0) return {.count = count, .complete = ended == here.size()};
    if (there.size() > most_states) return {.count = count};
    const bool is_new = std::ranges::any_of(there, [&](State to) { return !std::ranges::contains(seen, to); });
    if (!is_new) break;
    seen.insert(seen.end(), there.begin(), there.end());
    here = std::move(there);
  }
  return {.count = limit, .complete = true};
}

bool Automaton::refuses_all(State state, Characters characters) {
  const auto refuses = [&](unsigned char byte) { return next(state, byte) == dead; };
  if (!std::ranges::all_of(ascii_[static_cast<std::size_t>(characters)], refuses)) return false;
  for (unsigned byte = 0xC2; byte <= 0xF4; ++byte) {
    if (!refuses(static_cast<unsigned char>(byte))) return false;
  }
  return true;
}

const Automaton::Successors& Automaton::successors(State state, Characters characters) {
  auto& known = successors_[static_cast<std::size_t>(characters)];
  const auto found = known.find(state);
  return found != known.end() ? found->second : known.emplace(state, find_successors(state, characters)).first->second;
}

Automaton::Successors Automaton::find_successors(State state, Characters characters) {
  Successors out;
  const auto add = [&](State to) {
    if (to != dead && !std::ranges::contains(out.states, to)) out.states.push_back(to);
    return to != dead;
  };
  const auto leads_on = [&](unsigned char byte) { return add(next(state, byte)); };
  bool alive = std::ranges::all_of(ascii_[static_cast<std::size_t>(characters)], leads_on);
  std::vector<State> here = {state};
  std::vector<State> there;
  for (std::size_t i = 0; i < samples_.size() && alive; ++i) {
    if (samples_[i].empty()) {  // the end of an encoding
      for (const auto to : here) add(to);
      here.assign(1, state);
      continue;
    }
    there.clear();
    for (const auto from : here) {
      for (const auto byte : samples_[i]) {
        const auto to = next(from, byte);
        alive = alive && to != dead;
        if (!std::ranges::contains(there, to)) there.push_back(to);
      }
    }
    here.swap(there);
  }
  if (!alive) return {.all_dead = out.states.empty() && refuses_all(state, characters)};
  out.all_alive = true;
  return out;
}

std::size_t Automaton::memory() const noexcept {
  auto maps = near_.size();
  for (std::size_t i = 0; i < successors_.size(); ++i) maps += 4 * successors_[i].size() + 2 * free_runs_[i].size();
  return pool_.memory() + shortest_.memory() + rows_.capacity() * sizeof(State) + exprs_.capacity() * sizeof(Expr) +
         (ids_.size() + maps) * 4 * sizeof(State);
}

}  // namespace dspy::llama::mask
