#pragma once

#include "llama/mask/constraint.hpp"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::mask {

/// Follows one reply.  A value: a copy is a fork, and going back is keeping the copy from before.  A copy takes two
/// words, so an engine that speculates keeps one for each drafted token.
///
/// One step of an engine:
///
///     if (matcher.finished()) the reply is complete;
///     if (auto run = matcher.forced(); !run->empty()) append all of run, accept() each;
///     else sample under matcher.allowed(), then accept() it;
///
/// For one thread; the constraint behind it may serve many.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<Constraint> constraint) noexcept
      : constraint_(std::move(constraint)), state_(constraint_->start()) {}

  /// The tokens that may come next; those that end a reply are among them where it may end.  Never empty before the
  /// reply ended, provided that the vocabulary can write every byte; see `stuck`.
  std::shared_ptr<const Mask> allowed() const { return constraint_->mask(state_); }
  /// The tokens that must come next: to be appended without sampling.  Empty where there is a choice, also one between
  /// several tokens for the same text.
  std::shared_ptr<const std::vector<Token>> forced() const { return constraint_->forced(state_); }
  /// Takes the next token.  False, and nothing changes, if it is not allowed.
  bool accept(Token token) {
    const auto& vocabulary = constraint_->vocabulary();
    if (ended_ || !vocabulary.contains(token)) return false;
    if (vocabulary.is_end(token)) {
      ended_ = constraint_->accepts(state_);
      return ended_;
    }
    const auto piece = vocabulary.piece(token);
    return !piece.empty() && accept_text(piece);
  }
  /// The same for text, which need not end with a token.
  bool accept_text(std::string_view text) {
    const auto next = constraint_->advance(state_, text);
    if (next == Automaton::dead) return false;
    state_ = next;
    return true;
  }

  /// The reply is complete: it was ended, or nothing may follow.
  bool finished() const { return ended_ || (constraint_->accepts(state_) && !constraint_->goes_on(state_)); }
  /// The reply may end here.
  bool may_end() const { return ended_ || constraint_->accepts(state_); }

  /// How many tokens finish the reply (`Constraint::least`).
  std::uint32_t least() const { return ended_ ? 0 : constraint_->least(state_); }
  /// Whether at most `budget` tokens can.
  bool fits(std::size_t budget) const { return ended_ || constraint_->fits(state_, budget); }
  /// Tokens that do.
  std::vector<Token> finish() const { return ended_ ? std::vector<Token>() : constraint_->finish(state_); }
  /// The tokens that may come next if the reply is to have at most `budget` more.
  Mask allowed_within(std::size_t budget) const { return constraint_->mask_within(state_, budget); }

  const Constraint& constraint() const noexcept { return *constraint_; }
  bool operator==(const Matcher&) const = default;

 private:
  std::shared_ptr<Constraint> constraint_;
  Constraint::State state_;
  bool ended_ = false;
};

}  // namespace dspy::llama::mask
