#pragma once

#include "dspy/base/text.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/request.hpp"
#include "llama/engine/reply/speculation.hpp"
#include "llama/engine/reply/thought_budget.hpp"
#include "llama/mask/constraint_cache.hpp"
#include "llama/mask/field_tracker.hpp"
#include "llama/mask/matcher.hpp"
#include "llama/sampling/likelihoods.hpp"
#include "llama/sampling/loop_watch.hpp"
#include "llama/sampling/sampler.hpp"
#include "llama/sampling/stop_matcher.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dspy::llama {

class EarlierReplies;

/// One reply in the making, without any computing: it names the tokens that the context must take next, and turns the
/// scores that come back into the next token, and tokens into text.  A scheduler steps one, or many in one batch.
///
/// Held to a contract, it samples only what the contract allows.  Tokens that must come are taken at once, those at the
/// start of a reply with the prompt; so several tokens may be pending, and a reply may be finished before anything was
/// computed.
class Sequence {
 public:
  /// How many tokens a reply to `work` may have in a context of `room`.
  static std::size_t most_reply(const Generation& work, std::size_t room) noexcept;
  /// Tokens that a context of `room` must hold at most for `work`.
  static std::size_t most_computed(const Generation& work, std::size_t room) noexcept;

  /// What the reply begins with.
  struct Given {
    std::span<const Token> tokens{};
    bool scored = false;             ///< That is all of it, and how likely it is what is wanted.
    std::span<const Token> named{};  ///< Of a scored reply: tokens that are looked up at its start too.
    std::size_t loop_tokens = 0;     ///< `EngineOptions::loop_tokens`.
  };

  /// `held` is the contract of `work`, if the reply is to be held to it.  `room`: how many tokens fit in the context.
  Sequence(const Model& model, Generation work, mask::CompiledContract held, std::size_t room, Given given);

  /// Takes the first `count` tokens as in the context already.
  void reuse(std::size_t count);
  /// The context has lost all of the tokens; they must be computed again.
  void restart() noexcept { computed_ = 0; }

  /// The tokens still to be computed, the first of which has position `computed()`.
  std::span<const Token> pending() const noexcept {
    const auto all = std::span(tokens_).subspan(std::min(computed_, tokens_.size()));
    return scored_ && !all.empty() ? all.first(all.size() - 1) : all;  // nobody asks what follows the last one
  }
  std::size_t computed() const noexcept { return computed_; }
  std::span<const Token> tokens() const noexcept { return tokens_; }
  std::size_t prompt_size() const noexcept { return prompt_size_; }
  bool reads_prompt() const noexcept { return computed_ < prompt_size_; }

  /// The next `count` pending tokens are in the context now.
  void advance(std::size_t count) noexcept { computed_ += count; }

  /// Chooses the next token from the scores after the last one, and takes those that must follow it.  Returns the text
  /// that is certain now, in whole characters.  Throws `Error`: `inference_failed` if the scores are not numbers,
  /// `invalid_parameter` if the contract leaves no token.
  std::string accept(std::span<float> logits);

  /// Of a given reply: notes how likely its next token is, by the scores after the one before.  Throws as `accept`
  /// does.
  void score(std::span<float> logits);

  // Speculation.  Tokens that may come are computed behind those that are pending; where they come, what follows them
  // need not wait for a step of its own.  A reply is the same with and without.

  struct Drafted {
    Token token = 0;
    bool asks = true;  ///< The scores after it are wanted, since the token after it is none that must come.
  };
  /// Guesses at most `most` tokens after the pending ones, by what came before, here or in `earlier` replies, whichever
  /// is more alike; earlier guesses are forgotten.
  std::span<const Drafted> draft(std::size_t most, const EarlierReplies* earlier = nullptr);
  /// No more than so many in all.
  void limit_draft(std::size_t most) noexcept { most_drafted_ = std::min(most_drafted_, most); }
  /// One guess more, and what must follow it.  Returns how many tokens that are: none if it cannot come there, or
  /// enough was guessed.
  std::size_t guess(Token token);
  /// The tokens that may be guessed; null for all.
  std::shared_ptr<const mask::Mask> may_guess() const { return draft_matcher_ ? draft_matcher_->allowed() : nullptr; }
  std::span<const Drafted> drafted() const noexcept { return draft_; }
  /// After `accept`: takes drafted tokens that came as computed.  Whether the scores after the last token are there, to
  /// be accepted too.
  bool confirm() noexcept;
  /// How many drafted tokens have come so far.
  std::size_t confirmed() const noexcept { return confirmed_; }
  /// Forgets the guesses, and learns from them.
  void settle_draft() noexcept;

  bool finished() const noexcept { return finish_.has_value(); }
  FinishReason finish() const noexcept { return finish_.value(); }
  Usage usage() const noexcept;
  const std::string& text() const noexcept { return text_; }
  /// How many of the reply's tokens had to come.
  std::size_t forced() const noexcept { return forced_; }
  /// From where the values of outputs can be written anew, in bytes of the text, if the reply is held to a contract
  /// that tells them apart.
  std::vector<ResumePoint> resume_points() const;
  /// The outputs whose values were ended for lack of tokens, or since they went round in circles; empty names stand for
  /// what belongs to no output.
  std::vector<std::string> closed_early() const { return names(closed_); }
  std::vector<std::string> loop_ended() const { return names(looped_); }
  const std::vector<TokenLogprob>& logprobs() const noexcept { return logprobs_; }

 private:
  /// How many more tokens the reply may have.
  std::size_t left() const noexcept;
  std::size_t kept_for_later() const noexcept;
  std::size_t output() const noexcept;
  std::optional<Token> within_budget(Token token, Sampler& sampler, std::span<float> logits);
  bool loops();
  bool leaves_room(std::span<const Token> tokens) const;
  std::string close_output();
  std::string close_thoughts();
  std::vector<std::string> names(const std::vector<std::size_t>& outputs) const;
  std::string take(Token token);
  std::string take_forced();
  void note(Token token, std::string_view piece, const Likelihoods* likely);
  [[noreturn]] void refuse(std::span<const float> logits) const;
  std::string release(std::string_view bytes);
  bool add_guess(Token token);
  std::string end(FinishReason reason);
  std::size_t most_computed() const noexcept { return std::min(prompt_size_ + most_reply_ - 1, room_); }

  const Model* model_;
  std::vector<Token> tokens_;  // prompt, then reply
  std::size_t prompt_size_;
  std::size_t room_;
  std::size_t most_reply_;
  bool ignores_end_;
  std::size_t computed_ = 0;
  std::size_t reused_ = 0;
  std::size_t forced_ = 0;
  std::optional<std::size_t> scored_;  ///< How many tokens of a given reply are.
  std::vector<Token> named_;
  ThoughtBudget thoughts_;
  Sampler sampler_;
  std::map<std::size_t, Sampler> field_samplers_;  ///< By output, where that has a temperature of its own.
  std::optional<mask::Matcher> matcher_;
  mask::FieldTracker fields_;
  bool drops_first_blank_;
  std::size_t dropped_ = 0;                 ///< Bytes of the reply that are not in its text.
  std::optional<std::size_t> most_likely_;  ///< How many likely tokens are to be told of each.
  std::vector<TokenLogprob> logprobs_;
  StopMatcher stops_;
  text::Utf8Buffer characters_;
  std::string text_;
  std::string early_;  ///< Text that was certain before anything was computed.
  std::optional<FinishReason> finish_;
  bool bounded_ = false;       ///< The reply keeps to what can be finished.
  std::size_t reserve_ = 0;    ///< Tokens kept for each output to come, if it needs them or not.
  std::vector<bool> is_text_;  ///< By output.
  LoopWatch loop_watch_;
  std::size_t watched_ = 0;  ///< The output, by number from one on, that is watched.
  std::vector<std::size_t> closed_;
  std::vector<std::size_t> looped_;
  std::vector<Drafted> draft_;
  std::size_t most_drafted_ = 0;
  std::optional<mask::Matcher> draft_matcher_;  ///< After the guesses.
  std::size_t confirmed_ = 0;
  DraftLength draft_length_;
};

}  // namespace dspy::llama
