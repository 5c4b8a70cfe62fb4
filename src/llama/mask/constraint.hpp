#pragma once

#include "llama/mask/expressions/automaton.hpp"
#include "llama/mask/vocabulary.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dspy::llama::mask {

/// The tokens that may come next.
class Mask {
 public:
  /// Up to so many tokens are listed instead of marked in bits: a sampler then looks at those only.
  static constexpr std::size_t most_listed = 512;

  std::size_t count() const noexcept { return count_; }
  /// Whether `tokens()` holds them; else `bits()` does.
  bool is_list() const noexcept { return bits_.empty(); }
  std::span<const Token> tokens() const noexcept { return tokens_; }
  /// Token t is bit t % 64 of word t / 64.
  std::span<const std::uint64_t> bits() const noexcept { return bits_; }
  bool allows(Token token) const noexcept;

 private:
  friend class MaskBuilder;
  std::size_t count_ = 0;
  std::vector<Token> tokens_;  ///< Ascending.
  TokenBits bits_;
};

class MaskBuilder;

/// A grammar over the tokens of one vocabulary, shared by all replies that follow it: states, masks and forced runs are
/// found when first needed and kept.  Thread-safe.
class Constraint {
 public:
  using State = Automaton::State;

  /// The rules of the pool were checked.
  Constraint(Pool pool, Expr start, std::shared_ptr<const Vocabulary> vocabulary);

  const Vocabulary& vocabulary() const noexcept { return *vocabulary_; }
  State start() const noexcept { return start_; }

  std::shared_ptr<const Mask> mask(State state);
  /// The tokens that must come next, however the reply goes on.
  std::shared_ptr<const std::vector<Token>> forced(State state);
  /// The state after `bytes`; `Automaton::dead` if they cannot come.
  State advance(State state, std::string_view bytes);
  bool accepts(State state);
  bool goes_on(State state);

  // Every state knows tokens that finish the reply: few of them, the fewest for the shortest text that does.

  static constexpr std::uint32_t endless = Shortest::endless;
  /// How many; `endless` where none are known.
  std::uint32_t least(State state);
  /// Whether the reply can be finished with at most so many tokens.
  bool fits(State state, std::size_t budget);
  /// As many tokens as `least` says.
  std::vector<Token> finish(State state);
  /// The tokens after which the reply can be finished, all together at most `budget` tokens.
  Mask mask_within(State state, std::size_t budget);

  /// States seen so far, and bytes held by them and by the masks; both grow with use.
  std::size_t states() const;
  std::size_t memory() const;

 private:
  Mask find_mask(State state);
  std::uint32_t find_least(State state);
  bool can_finish(State state, std::size_t budget);
  std::vector<Token> find_forced(State state);
  std::size_t count_settled(std::span<const Token> tokens, std::string_view text, State end);
  using Bytes = std::span<const unsigned char>;
  void walk_slice(MaskBuilder& mask, Characters characters, State start, Bytes first);
  template <class Visit>
  void walk(const Trie& trie, Trie::Range range, State start, std::size_t depth, Visit&& visit);
  void walk(MaskBuilder& mask, const Trie& trie, State start, Bytes first);

  std::shared_ptr<const Vocabulary> vocabulary_;
  mutable std::mutex mutex_;
  Automaton automaton_;
  State start_;
  std::vector<State> path_;  ///< Of a walk, the state before each byte.
  std::unordered_map<State, std::shared_ptr<const Mask>> masks_;
  std::unordered_map<State, std::shared_ptr<const std::vector<Token>>> forced_;
  std::unordered_map<State, std::uint32_t> least_;
  std::size_t mask_memory_ = 0;
};

}  // namespace dspy::llama::mask
