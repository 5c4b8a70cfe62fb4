#include "llama/mask/constraint.hpp"

#include <algorithm>
#include <array>
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

  void add(std::span<const Token> tokens) {
    if (mask_.bits_.empty()) {
      mask_.tokens_.insert(mask_.tokens_.end(), tokens.begin(), tokens.end());
      if (mask_.tokens_.size() <= Mask::most_listed) return;
      mask_.bits_.resize((vocabulary_ + 63) / 64);
      spill();
    } else {
      for (const auto token : tokens) set(token);
    }
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
      automaton_(std::move(pool), start, vocabulary_->writable()),
      start_(automaton_.start()),
      path_(vocabulary_->longest() + 1) {}

/// Calls `visit` with each node in `range`, nodes that stand behind `depth` bytes, whose bytes can follow `start`, and
/// the state after it.  `visit` returns whether to look at what is longer.
template <class Visit>
void Constraint::walk(const Trie& trie, Trie::Range range, State start, std::size_t depth, Visit&& visit) {
  path_[depth] = start;
  const auto* const nodes = trie.nodes().data();
  for (auto at = range.first; at < range.last;) {
    const auto& node = nodes[at];
    const auto to = automaton_.next(path_[node.depth], node.byte);
    path_[node.depth + 1u] = to;
    at = to != Automaton::dead && visit(at, to) ? at + 1 : node.end;
  }
}

/// Adds all tokens that can follow; `first` are the bytes that can.
void Constraint::walk(MaskBuilder& mask, const Trie& trie, State start, Bytes first) {
  for (const auto byte : first) {
    walk(trie, trie.starting_with(byte), start, 0, [&](std::size_t node, State) {
      mask.add(trie.tokens_at(node));
      return true;
    });
  }
}

/// The same for tokens of a kind of characters: where as many as the longest token has may follow, whichever they are,
/// all tokens can.
void Constraint::walk_slice(MaskBuilder& mask, Characters characters, State start, Bytes first) {
  constexpr auto limit = Vocabulary::longest_in_slice;
  constexpr std::size_t few = 16;
  const auto& trie = vocabulary_->slice(characters).trie;
  for (const auto byte : first) {
    walk(trie, trie.starting_with(byte), start, 0, [&](std::size_t node, State state) {
      const auto tokens = trie.tokens_from(node);
      const auto run = tokens.size() < few ? Automaton::FreeRun() : automaton_.free_run(state, characters, limit);
      // Characters are no more than bytes.
      if (run.count == limit || run.count >= trie.nodes()[node].height) {
        mask.add(tokens);
        return false;
      }
      mask.add(trie.tokens_at(node));
      return true;
    });
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
    mask.add(vocabulary_->ends());
  }
  std::array<unsigned char, 256> bytes{};
  std::size_t count = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    bytes[count] = static_cast<unsigned char>(byte);
    count += automaton_.next(state, bytes[count]) != Automaton::dead ? 1 : 0;
  }
  const auto first = Bytes(bytes).first(count);
  // Most states that allow much allow all characters of a kind: then only the other tokens need a walk.
  for (std::size_t kind = character_kinds; kind-- > 0;) {
    const auto characters = static_cast<Characters>(kind);
    const auto run = automaton_.free_run(state, characters, Vocabulary::longest_in_slice);
    if (run.count != 0 && run.complete) {
      mask.add(vocabulary_->slice(characters).bits[run.count]);
      break;
    }
    walk_slice(mask, characters, state, first);
  }
  walk(mask, vocabulary_->rest(), state, first);
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
      vocabulary_->for_each_trie([&](const Trie& trie) {
        walk(trie, trie.longer_than(rest), end, rest.size(), [&](std::size_t node, State) {
          longer = longer || !trie.tokens_at(node).empty();
          return !longer;
        });
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

std::uint32_t Constraint::least(State state) {
  const std::scoped_lock lock(mutex_);
  return find_least(state);
}

bool Constraint::fits(State state, std::size_t budget) {
  const std::scoped_lock lock(mutex_);
  return can_finish(state, budget);
}

/// Texts that no context has room for are not written: their tokens are counted as one for each byte.
std::uint32_t Constraint::find_least(State state) {
  constexpr std::uint32_t longest_text = 1'000'000;
  const auto [found, is_new] = least_.try_emplace(state, endless);
  if (!is_new) return found->second;
  const auto bytes = automaton_.least_bytes(state);
  if (bytes > longest_text) return found->second = bytes;  // or endless
  const auto tokens = vocabulary_->fewest_tokens(automaton_.shortest(state)).size();
  return found->second = static_cast<std::uint32_t>(tokens);
}

/// Each byte that a text is finished with has a token, so there are no more tokens than bytes.
bool Constraint::can_finish(State state, std::size_t budget) {
  const auto bytes = automaton_.least_bytes(state);
  if (bytes == endless || bytes <= budget) return bytes != endless;
  return budget * vocabulary_->longest() >= bytes && find_least(state) <= budget;
}

std::vector<Token> Constraint::finish(State state) {
  const std::scoped_lock lock(mutex_);
  return vocabulary_->fewest_tokens(automaton_.shortest(state));
}

Mask Constraint::mask_within(State state, std::size_t budget) {
  const std::scoped_lock lock(mutex_);
  MaskBuilder mask(vocabulary_->size());
  if (automaton_.accepts(state)) mask.add(vocabulary_->ends());
  if (budget != 0) {
    vocabulary_->for_each_trie([&](const Trie& trie) {
      walk(trie, trie.all(), state, 0, [&](std::size_t node, State to) {
        const auto tokens = trie.tokens_at(node);
        if (!tokens.empty() && can_finish(to, budget - 1)) mask.add(tokens);
        return true;
      });
    });
  }
  return std::move(mask).finish();
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
