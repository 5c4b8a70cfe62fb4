// The next token, and the text that is certain with it.  sequence_start.cpp has how a reply begins, sequence_draft.cpp
// what is guessed ahead, sequence_score.cpp how likely given tokens are.
#include "llama/engine/reply/sequence.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama {
namespace {

constexpr auto npos = static_cast<std::size_t>(-1);

}  // namespace

std::string Sequence::accept(std::span<float> logits) {
  const auto reply = std::span<const Token>(tokens_).subspan(prompt_size_);
  const auto allowed = matcher_ ? matcher_->allowed() : nullptr;
  std::optional<Likelihoods> likely;
  if (most_likely_) likely.emplace(logits, allowed.get(), model_->suppressed());
  const auto own =
      field_samplers_.empty() ? field_samplers_.end() : field_samplers_.find(fields_.field().value_or(npos));
  auto& sampler = own != field_samplers_.end() ? own->second : sampler_;
  auto token = sampler.sample(logits, reply, allowed.get());
  if (!token) refuse(logits);

  auto text = std::exchange(early_, {});
  if (bounded_) token = within_budget(*token, sampler, logits);
  if (!token) return text + close_output() + take_forced();
  if (model_->ends_reply(*token) && (matcher_ || !ignores_end_)) return text + end(FinishReason::stop);
  if (likely) note(*token, model_->piece(*token), &*likely);
  text += take(*token);
  if (thoughts_.is_spent() && !finished()) text += close_thoughts();
  if (bounded_ && !finished() && loops()) text += close_output();
  return text + take_forced();
}

// --- tokens and text -------------------------------------------------------------------------------------------------

std::string Sequence::take(Token token) {
  auto piece = model_->piece(token);
  thoughts_.push(piece);
  if (matcher_) {
    matcher_->accept(token);
    const auto field = fields_.push(piece);
    if (most_likely_ && field) logprobs_.back().field = fields_.names()[*field];
  }
  if (tokens_.size() == prompt_size_ && drops_first_blank_ && piece.starts_with(' ')) {
    piece.remove_prefix(1);
    dropped_ = 1;
  }
  tokens_.push_back(token);
  auto text = release(stops_.push(piece));
  if (stops_.stopped() || (matcher_ && matcher_->finished())) return text + end(FinishReason::stop);
  // The last token need not be computed, so a reply may be one token longer than the context.
  if (left() != 0) return text;
  if (bounded_ && !std::ranges::contains(closed_, output())) closed_.push_back(output());
  return text + end(FinishReason::length);
}

/// Takes the tokens that must come, until there is a choice or the reply ends.
std::string Sequence::take_forced() {
  std::string text;
  while (matcher_ && !finished()) {
    const auto run = matcher_->forced();
    if (run->empty()) break;
    if (bounded_ && !leaves_room(*run)) break;  // fewer tokens for the same text are to be chosen
    for (const auto token : *run) {
      if (most_likely_) note(token, model_->piece(token), nullptr);
      text += take(token);
      ++forced_;
      if (finished()) break;
    }
  }
  return text;
}

/// Notes how likely a token was, for a caller who asked.
void Sequence::note(Token token, std::string_view piece, const Likelihoods* likely) {
  TokenLogprob out{.text = std::string(piece), .forced = likely == nullptr};
  if (likely != nullptr) {
    out.logprob = likely->logprob(token);
    for (const auto& [other, logprob] : likely->top(*most_likely_)) out.top.emplace_back(model_->piece(other), logprob);
  }
  logprobs_.push_back(std::move(out));
}

std::string Sequence::release(std::string_view bytes) {
  auto whole = characters_.push(bytes);
  text_ += whole;
  return whole;
}

std::string Sequence::end(FinishReason reason) {
  finish_ = reason;
  auto rest = release(stops_.finish());
  const auto cut = characters_.finish();
  text_ += cut;
  return rest + cut;
}

// --- ending within the budget ----------------------------------------------------------------------------------------

std::size_t Sequence::left() const noexcept {
  const auto most = std::min(prompt_size_ + most_reply_, room_ + 1);
  return most - std::min(most, tokens_.size());
}

/// The output that is being written, by number from one on; 0 for what comes before the first, or belongs to none.
std::size_t Sequence::output() const noexcept {
  return fields_.starts().size();
}

std::size_t Sequence::kept_for_later() const noexcept {
  return reserve_ * (fields_.names().size() - std::min(fields_.names().size(), output()));
}

/// The token, if the reply can be finished after it; else another that the model would choose there, or nothing.
std::optional<Token> Sequence::within_budget(Token token, Sampler& sampler, std::span<float> logits) {
  if (model_->ends_reply(token)) return token;
  auto budget = left() - std::min(left(), kept_for_later());
  if (!matcher_->fits(budget)) budget = std::min<std::size_t>(matcher_->least(), left());
  auto after = *matcher_;
  if (after.accept(token) && budget != 0 && after.fits(budget - 1)) return token;
  if (!std::ranges::contains(closed_, output())) closed_.push_back(output());
  return sampler.sample_again(logits, tokens_.size() - prompt_size_, matcher_->allowed_within(budget));
}

/// Whether the reply can be finished after these tokens.
bool Sequence::leaves_room(std::span<const Token> tokens) const {
  if (tokens.size() > left()) return false;
  auto after = *matcher_;
  for (const auto token : tokens) after.accept(token);
  return after.fits(left() - tokens.size());
}

/// Whether the text of an output repeats itself.
bool Sequence::loops() {
  const auto current = output();
  if (current == 0 || current > is_text_.size() || !is_text_[current - 1]) return false;
  if (std::exchange(watched_, current) != current) loop_watch_.begin();
  if (!loop_watch_.push(std::span<const Token>(tokens_).subspan(prompt_size_))) return false;
  looped_.push_back(current);
  loop_watch_.begin();
  return true;
}

/// Ends the value of the current output with as few tokens as that takes; the whole reply, if there is no room for
/// anything else.
std::string Sequence::close_output() {
  const auto current = output();
  std::string text;
  for (const auto token : matcher_->finish()) {
    if (most_likely_) note(token, model_->piece(token), nullptr);
    text += take(token);
    ++forced_;
    if (finished() || (output() != current && matcher_->fits(left()))) return text;
  }
  return text + end(FinishReason::stop);
}

/// Writes the tag that ends the thoughts, as a model would.
std::string Sequence::close_thoughts() {
  std::string text;
  for (const auto token : model_->mask_vocabulary()->tokenize(thoughts_.closing())) {
    if (finished()) break;
    if (matcher_ && !mask::Matcher(*matcher_).accept(token)) break;
    if (most_likely_) note(token, model_->piece(token), nullptr);
    text += take(token);
    ++forced_;
  }
  return text;
}

// --- the result ------------------------------------------------------------------------------------------------------

std::vector<std::string> Sequence::names(const std::vector<std::size_t>& outputs) const {
  std::vector<std::string> out;
  for (const auto output : outputs) out.push_back(output == 0 ? "" : fields_.names()[output - 1]);
  return out;
}

std::vector<ResumePoint> Sequence::resume_points() const {
  std::vector<ResumePoint> out;
  const auto starts = fields_.starts();
  out.reserve(starts.size());
  for (std::size_t i = 0; i < starts.size(); ++i)
    out.push_back({fields_.names()[i], starts[i] - std::min(starts[i], dropped_)});
  return out;
}

Usage Sequence::usage() const noexcept {
  return {.requests = 1,
          .prompt_tokens = prompt_size_,
          .completion_tokens = tokens_.size() - prompt_size_,
          .cache_read_tokens = std::min(reused_, prompt_size_)};
}

}  // namespace dspy::llama
