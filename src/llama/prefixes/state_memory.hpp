#pragma once

#include "dspy/llama/model.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <span>
#include <vector>

namespace dspy::llama {

/// What is known of prompts for a model whose memory cannot be cut at a token: states after beginnings of prompts, in
/// host memory; the least recently used one goes first.  A state serves prompts that begin with all of its tokens.
///
/// Which beginnings are worth a state is told by other prompts that have them in common: those that wait or run, and
/// those that were asked lately.
///
/// What is computed through different LoRA adapters has nothing in common, so each set of them is a group of its own.
///
/// Used by one thread.
class StateMemory {
 public:
  struct State {
    std::size_t group = 0;
    std::vector<Token> tokens{};
    std::vector<std::byte> bytes{};
    std::uint64_t last_use = 0;
  };
  struct Totals {
    std::uint64_t stored = 0;   ///< Tokens whose state was kept.
    std::uint64_t dropped = 0;  ///< Tokens whose state was forgotten for want of room.
  };

  explicit StateMemory(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// The longest state that `tokens` begin with; null if there is none.
  const State* find(std::size_t group, std::span<const Token> tokens);
  /// The length of the prefix of `tokens` whose state should be saved, or 0 if none is worth it.  A prefix of `known`
  /// tokens already has a state; `others` are prompts to compare with, beside the recent ones.  Picks the prefix that
  /// saves the most computation: a long one shared by few prompts, or a shorter one shared by many.
  std::size_t place(std::size_t group, std::span<const Token> tokens, std::size_t known,
                    std::span<const std::span<const Token>> others) const;
  /// Not if there is one already, or no room for it.
  void keep(std::size_t group, std::span<const Token> tokens, std::vector<std::byte> bytes);
  /// A state that turned out to be of no use.
  void forget(const State& state);
  /// A prompt and its reply, which others may begin like.
  void note(std::size_t group, std::span<const Token> tokens);

  void clear();
  void clear(std::size_t group);

  std::size_t bytes() const noexcept { return bytes_; }
  const Totals& totals() const noexcept { return totals_; }

 private:
  struct Asked {
    std::size_t group = 0;
    std::vector<Token> tokens{};
  };

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t clock_ = 0;
  std::list<State> states_;
  std::deque<Asked> asked_;  ///< The latest last.
  Totals totals_;
};

}  // namespace dspy::llama
