#pragma once

#include "llama/mask/expressions/byte_set.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dspy::llama::mask {

/// A finished deterministic automaton over bytes.  Every state but `dead` can still reach an end.
class Dfa {
 public:
  using State = std::uint32_t;
  static constexpr State dead = 0;
  /// As many states are built before a part of a contract is refused.
  static constexpr std::size_t default_limit = 20'000;

  /// What is known of a state beside its successors.
  struct Facts {
    bool accepts = false;
    bool at_boundary = true;  ///< A character may begin here, as opposed to going on.
  };

  /// `rows` holds the successors of each state by class of bytes, state 0 being dead.  States that cannot reach an end
  /// become dead.
  Dfa(const ByteClasses& classes, std::vector<State> rows, const std::vector<Facts>& facts, State start);

  State start() const noexcept { return start_; }
  std::size_t size() const noexcept { return flags_.size(); }
  State next(State state, unsigned char byte) const noexcept {
    return next_[state * classes_.count() + classes_[byte]];
  }
  bool accepts(State state) const noexcept { return (flags_[state] & accepting) != 0; }
  bool at_boundary(State state) const noexcept { return (flags_[state] & boundary) != 0; }
  /// Nothing can follow.
  bool is_final(State state) const noexcept { return (flags_[state] & final_state) != 0; }
  const ByteClasses& classes() const noexcept { return classes_; }
  /// The same states and steps.
  bool operator==(const Dfa& other) const noexcept {
    return start_ == other.start_ && flags_ == other.flags_ && classes_ == other.classes_ && next_ == other.next_;
  }

  /// Works out which lengths a text can have, which `can_end` needs.  False if that takes too long.
  bool settle_lengths();
  bool has_lengths() const noexcept { return lengths_ != nullptr; }
  /// Whether a text of `min` to `max` characters is accepted from `state` on; inside of a character, after it.
  bool can_end(State state, std::size_t min, std::size_t max) const noexcept;
  /// From so many characters on, the possible lengths repeat with a period of at most as many.
  std::size_t settled_length() const noexcept;

 private:
  enum Flag : std::uint8_t { accepting = 1, boundary = 2, final_state = 4 };

  struct Lengths;
  void merge_classes();
  std::vector<bool> step_lengths(std::vector<bool> shorter) const;
  void pass_through_characters(std::vector<bool>& states) const;

  ByteClasses classes_;
  std::vector<State> next_;
  std::vector<std::uint8_t> flags_;
  State start_ = dead;
  std::shared_ptr<const Lengths> lengths_;
};

/// Explores the states that `step(state, byte) -> optional<S>` reaches from `start`; `facts(state)` tells the rest, and
/// `classes` which bytes `step` never tells apart.  S is a number, or a struct of eight bytes without padding.
/// Nothing if there are more than `limit` states.
template <class S, class Step, class FactsOf>
std::optional<Dfa> build_dfa(S start, const ByteClasses& classes, Step step, FactsOf facts_of,
                             std::size_t limit = Dfa::default_limit) {
  static_assert(std::has_unique_object_representations_v<S>);
  using Key = std::conditional_t<sizeof(S) == 8, std::uint64_t, std::uint32_t>;
  std::unordered_map<Key, Dfa::State> ids;
  std::vector<S> states(1);
  std::vector<Dfa::State> rows(classes.count(), Dfa::dead);
  std::vector<Dfa::Facts> facts(1);
  const auto id_of = [&](const S& state) {
    const auto [found, is_new] = ids.try_emplace(std::bit_cast<Key>(state), static_cast<Dfa::State>(states.size()));
    if (is_new) states.push_back(state);
    return found->second;
  };
  const auto bytes = classes.representatives();
  const auto first = id_of(start);
  for (std::size_t at = 1; at < states.size(); ++at) {
    if (states.size() > limit) return std::nullopt;
    const S state = states[at];
    facts.push_back(facts_of(state));
    for (std::size_t i = 0; i < classes.count(); ++i) {
      const std::optional<S> next = step(state, bytes[i]);
      rows.push_back(next ? id_of(*next) : Dfa::dead);
    }
  }
  return Dfa(classes, std::move(rows), facts, first);
}

}  // namespace dspy::llama::mask
