// Guesses of what comes next, and which of them came true.
#include "llama/engine/reply/earlier_replies.hpp"
#include "llama/engine/reply/sequence.hpp"

#include <algorithm>

namespace dspy::llama {

std::span<const Sequence::Drafted> Sequence::draft(std::size_t most, const EarlierReplies* earlier) {
  draft_.clear();
  confirmed_ = 0;
  draft_matcher_ = matcher_;
  const auto room = most_computed() - std::min(most_computed(), tokens_.size());
  most_drafted_ = finished() ? 0 : std::min({most, draft_length_.next(), room});
  const std::span<const Token> own(tokens_);
  auto next = look_up(own, most_drafted_);
  if (earlier != nullptr && most_drafted_ > 0) {
    const auto place = next.empty() ? 0 : static_cast<std::size_t>(next.data() - own.data());
    const auto alike = common_end(own.first(place), own, EarlierReplies::longest_match);
    if (const auto other = earlier->look_up(own, most_drafted_, alike); !other.empty()) next = other;
  }
  for (const auto token : next) {
    if (guess(token) != 1) break;  // what must follow may differ from what came there
  }
  return draft_;
}

std::size_t Sequence::guess(Token token) {
  const auto before = draft_.size();
  if (!add_guess(token)) return 0;
  if (draft_matcher_) {
    for (const auto forced : *draft_matcher_->forced()) {
      if (!add_guess(forced)) break;
      draft_[draft_.size() - 2].asks = false;
    }
  }
  return draft_.size() - before;
}

/// A token is guessed only if the reply goes on after it: else nobody would ask for its scores.
bool Sequence::add_guess(Token token) {
  if (draft_.size() >= most_drafted_ || token < 0 || model_->ends_reply(token)) return false;
  if (draft_matcher_ && (!draft_matcher_->accept(token) || draft_matcher_->finished())) {
    most_drafted_ = draft_.size();
    return false;
  }
  draft_.push_back({token});
  return true;
}

bool Sequence::confirm() noexcept {
  while (computed_ < tokens_.size() && confirmed_ < draft_.size() && draft_[confirmed_].token == tokens_[computed_]) {
    ++computed_;
    ++confirmed_;
  }
  if (computed_ != tokens_.size() || confirmed_ == 0) return false;
  if (draft_[confirmed_ - 1].asks) return true;
  // What had to come did not, for lack of tokens: the last one is computed again, for its scores.
  if (!finished()) {
    --computed_;
    --confirmed_;
  }
  return false;
}

void Sequence::settle_draft() noexcept {
  draft_length_.observe(draft_.size(), confirmed_);
  draft_.clear();
  confirmed_ = 0;
}

}  // namespace dspy::llama
