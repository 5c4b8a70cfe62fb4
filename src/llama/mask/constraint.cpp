#include "llama/mask/constraint.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

namespace dspy::llama::mask {

bool Mask::allows(Token token) const noexcept {
  if (is_list()) return std::ranges::binary_search(tokens_, token);
  const auto at = static_cast<std::size_t>(token);
  return token >= 0 && at / 64 < bits_.size() && (bits_[at / 64] >> (at % 64) & 1) != 0;
}

/// Collects tokens: as a list while they are few.
class MaskBuilder {
 public:
  explicit MaskBuilder(std::size_t vocabulary) : vocabulary_(vocabulary) {}

  void add(Token token) {
    if (!mask_.bits_.empty()) {
      set(token);
      return;
    }
    mask_.tokens_.push_back(token);
    if (mask_.tokens_.size() <= Mask::most_listed) return;
    mask_.bits_.resize((vocabulary_ + 63) / 64);
    spill();
  }

  void add(const TokenBits& bits) {
    if (mask_.bits_.empty()) {
      mask_.bits_ = bits;
      spill();
      return;
    }
    for (std::size_t i = 0; i < bits.size(); ++i) mask_.bits_[i] |= bits[i];
  }

  Mask finish() && {
    if (mask_.bits_.empty()) {
      std::ranges::sort(mask_.tokens_);
      mask_.count_ = mask_.tokens_.size();
      return std::move(mask_);
    }
    for (const auto word : mask_.bits_) mask_.count_ += static_cast<std::size_t>(std::popcount(word));
    if (mask_.count_ <= Mask::most_listed) list();
    return std::move(mask_);
  }

 private:
  void set(Token token) noexcept {
    const auto at = static_cast<std::size_t>(token);
    mask_.bits_[at / 64] |= std::uint64_t{1} << (at % 64);
  }
  void spill() {
    for (const auto token : mask_.tokens_) set(token);
    mask_.tokens_ = {};
  }
  void list() {
    for (std::size_t at = 0; at < mask_.bits_.size(); ++at) {
      for (auto word = mask_.bits_[at]; word != 0; word &= word - 1)
        mask_.tokens_.push_back(static_cast<Token>(at * 64 + static_cast<std::size_t>(std::countr_zero(word))));
    }
    mask_.bits_ = {};
  }

  std::size_t vocabulary_;
  Mask mask_;
};

Constraint::Constraint(Pool pool, Expr start, std::shared_ptr<const Vocabulary> vocabulary)
    : vocabulary_(std::move(vocabulary)),
      automaton_(std::move(pool), start),
      start_(automaton_.start()),
      path_(vocabulary_->longest() + 1) {}

/// Calls `visit` with each token in `range`, nodes of the same depth that stand after `depth` bytes, whose remaining
/// bytes can follow `start`.  `visit` returns whether to go on.
template <class Visit>
void Constraint::walk(const Trie& trie, Trie::Range range, State start, std::size_t depth, Visit&& visit) {
  path_[depth] = start;
  const auto* const nodes = trie.nodes().data();
  for (auto at = range.first; at < range.last;) {
    const auto node = nodes[at];
    const auto to = automaton_.next(path_[node.depth], node.byte);
    if (to == Automaton::dead) {
      at = node.end;
      continue;
    }
    path_[node.depth + 1u] = to;
    if (node.token >= 0 && !visit(node.token)) return;
    ++at;
  }
}

/// The same for all tokens; bytes that cannot follow at all are not looked for.
template <class Visit>
void Constraint::walk(const Trie& trie, State start, Visit&& visit) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (automaton_.next(start, static_cast<unsigned char>(byte)) != Automaton::dead)
      walk(trie, trie.starting_with(static_cast<unsigned char>(byte)), start, 0, visit);
  }
}

std::shared_ptr<const Mask> Constraint::mask(State state) {
  const std::scoped_lock lock(mutex_);
  state = automaton_.without_far_bounds(state, vocabulary_->longest());
  auto& known = masks_[state];
  if (!known) {
    known = std::make_shared<const Mask>(find_mask(state));
    mask_memory_ += sizeof(Mask) + known->tokens().size_bytes() + known->bits().size_bytes();
  }
  return known;
}

Mask Constraint::find_mask(State state) {
  MaskBuilder mask(vocabulary_->size());
  if (automaton_.accepts(state)) {
    for (const auto end : vocabulary_->ends()) mask.add(end);
  }
  const auto add = [&](Token token) {
    mask.add(token);
    vocabulary_->for_each_twin(token, [&](Token twin) { mask.add(twin); });
    return true;
  };
  // Most states that allow much allow all characters of a kind: then only the other tokens need a walk.
  using Characters = Automaton::Characters;
  constexpr auto limit = Vocabulary::longest_in_slice;
  for (const auto characters : {Characters::printable, Characters::plain}) {
    const auto run = automaton_.free_run(state, characters, limit);
    if (run.count == 0 || !run.complete) continue;
    const auto& slice = characters == Characters::printable ? vocabulary_->printable() : vocabulary_->plain();
    mask.add(slice.bits[run.count]);
    walk(slice.rest, state, add);
    return std::move(mask).finish();
  }
  walk(vocabulary_->trie(), state, add);
  return std::move(mask).finish();
}

std::shared_ptr<const std::vector<Token>> Constraint::forced(State state) {
  const std::scoped_lock lock(mutex_);
  auto& known = forced_[state];
  if (!known) known = std::make_shared<const std::vector<Token>>(find_forced(state));
  return known;
}

std::vector<Token> Constraint::find_forced(State state) {
  constexpr std::size_t longest_run = 4096;
  std::string text;
  auto end = state;
  while (text.size() < longest_run) {
    const auto byte = automaton_.only_byte(end);
    if (byte < 0) break;
    text += static_cast<char>(byte);
    end = automaton_.next(end, static_cast<unsigned char>(byte));
  }
  auto tokens = vocabulary_->tokenize(text);
  tokens.resize(count_settled(tokens, text, end));
  return tokens;
}

/// How many of the tokens of a forced text are certain.  A token at its end is not if a longer one could stand in its
/// place, one that holds some of what comes after the text: the model is used to see that one.
std::size_t Constraint::count_settled(std::span<const Token> tokens, std::string_view text, State end) {
  if (!automaton_.goes_on(end)) return tokens.size();
  std::size_t at = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto rest = text.substr(at);
    if (rest.size() < vocabulary_->longest()) {
      bool longer = false;
      const auto& trie = vocabulary_->trie();
      walk(trie, trie.longer_than(rest), end, rest.size(), [&](Token) {
        longer = true;
        return false;
      });
      if (longer) return i;
    }
    at += vocabulary_->piece(tokens[i]).size();
  }
  return tokens.size();
}

Constraint::State Constraint::advance(State state, std::string_view bytes) {
  const std::scoped_lock lock(mutex_);
  for (const char byte : bytes) {
    state = automaton_.next(state, static_cast<unsigned char>(byte));
    if (state == Automaton::dead) break;
  }
  return state;
}

bool Constraint::accepts(State state) {
  const std::scoped_lock lock(mutex_);
  return automaton_.accepts(state);
}

bool Constraint::goes_on(State state) {
  const std::scoped_lock lock(mutex_);
  return automaton_.goes_on(state);
}

std::size_t Constraint::states() const {
  const std::scoped_lock lock(mutex_);
  return automaton_.size();
}

std::size_t Constraint::memory() const {
  const std::scoped_lock lock(mutex_);
  return automaton_.memory() + mask_memory_;
}

}  // namespace dspy::llama::mask
