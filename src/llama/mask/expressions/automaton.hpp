#pragma once

#include "llama/mask/expressions/character_kinds.hpp"
#include "llama/mask/expressions/expression.hpp"
#include "llama/mask/expressions/shortest.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace dspy::llama::mask {

/// The deterministic automaton of an expression, each state and step made when first needed.  For one thread at a
/// time.
class Automaton {
 public:
  using State = std::uint32_t;
  static constexpr State dead = 0;

  /// The rules of the pool were checked.  `writable`: the bytes that a text can be finished with.
  Automaton(Pool pool, Expr start, const ByteSet& writable = ByteSet::range(0, 255));

  State start() const noexcept { return start_; }
  State next(State state, unsigned char byte) {
    const auto to = rows_[state * width_ + classes_[byte]];
    return to != unknown ? to : compute(state, classes_[byte]);
  }
  bool accepts(State state) const noexcept { return pool_.accepts_empty(exprs_[state]); }
  /// Whether anything can follow.
  bool goes_on(State state);
  /// The one byte that can follow, if there is just one and the text cannot end here; else -1.
  int only_byte(State state);
  /// A state that allows the same next `reach` bytes, shared by states that differ in far off bounds.
  State without_far_bounds(State state, std::size_t reach);
  /// The fewest bytes that end the text; `Shortest::endless` if none are known.
  std::uint32_t least_bytes(State state) { return shortest_.bytes(pool_, exprs_[state]); }
  /// As few bytes that end it.
  std::string shortest(State state) { return shortest_.text(pool_, exprs_[state]); }
  struct FreeRun {
    std::size_t count = 0;  ///< So many of these characters can follow, whichever they are; not counted beyond a limit.
    bool complete = false;  ///< And none after them, or the limit was reached; if there is any.
  };

  /// `limit` is the same in all calls.
  FreeRun free_run(State state, Characters characters, std::size_t limit);

  std::size_t size() const noexcept { return exprs_.size(); }
  std::size_t memory() const noexcept;

 private:
  static constexpr State unknown = UINT32_MAX;

  State compute(State state, std::size_t byte_class);
  State intern(Expr expr);
  /// Where characters of a kind lead from a state.
  struct Successors {
    std::vector<State> states = {};
    bool all_alive = false;  ///< Each of them can follow.
    bool all_dead = false;
  };

  const Successors& successors(State state, Characters characters);
  Successors find_successors(State state, Characters characters);
  FreeRun find_free_run(State state, Characters characters, std::size_t limit);
  bool refuses_all(State state, Characters characters);

  Pool pool_;
  Shortest shortest_;
  ByteClasses classes_;
  std::array<std::uint8_t, 256> representatives_{};
  std::size_t width_ = 0;
  std::vector<Expr> exprs_;
  std::vector<State> rows_;
  std::unordered_map<Expr, State> ids_;
  std::unordered_map<State, State> near_;  ///< What `without_far_bounds` found.
  std::array<std::unordered_map<State, Successors>, character_kinds> successors_;
  std::array<std::unordered_map<State, FreeRun>, character_kinds> free_runs_;
  std::array<std::vector<unsigned char>, character_kinds> ascii_;  ///< Of the characters of ASCII, one of each class.
  std::vector<std::vector<unsigned char>> samples_;  ///< The same of each byte of longer characters; an empty one ends
                                                     ///< an encoding.
  State start_ = dead;
};

}  // namespace dspy::llama::mask
