// How likely the tokens of a given reply are, and scores of which no token can be chosen.
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "llama/engine/reply/sequence.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <utility>

namespace dspy::llama {
namespace {

constexpr float nothing = -std::numeric_limits<float>::infinity();

}  // namespace

void Sequence::score(std::span<float> logits) {
  for (const auto token : model_->suppressed()) logits[static_cast<std::size_t>(token)] = nothing;
  const auto best = std::ranges::max_element(logits);
  const auto normalizer = static_cast<double>(log_normalizer(logits));
  if (!std::isfinite(normalizer)) refuse(logits);
  const auto token = tokens_[prompt_size_ + *scored_];
  const auto logprob = [&](float logit) { return std::min(0.0, static_cast<double>(logit) - normalizer); };
  TokenLogprob out{.text = std::string(model_->piece(token)),
                   .logprob = logprob(logits[static_cast<std::size_t>(token)])};
  out.top.emplace_back(model_->piece(static_cast<Token>(best - logits.begin())), logprob(*best));
  if (*scored_ == 0) {
    for (const auto each : named_)
      out.top.emplace_back(model_->piece(each), logprob(logits[static_cast<std::size_t>(each)]));
  }
  logprobs_.push_back(std::move(out));
  if (prompt_size_ + ++*scored_ == tokens_.size()) finish_ = FinishReason::stop;
}

/// Throws the `Error` that says why no token could be chosen.
void Sequence::refuse(std::span<const float> logits) const {
  const bool broken = std::ranges::any_of(
      logits, [](float score) { return std::isnan(score) || score == std::numeric_limits<float>::infinity(); });
  if (!matcher_ || broken)
    throw Error(
        Errc::inference_failed,
        std::format("`{}` computed no usable scores for the next token; the file may be damaged, or the device faulty",
                    model_->name()),
        {.model = model_->name()});
  auto from = text_.size() - std::min<std::size_t>(text_.size(), 40);
  while (from < text_.size() && (static_cast<unsigned char>(text_[from]) & 0xC0) == 0x80) ++from;
  throw Error(Errc::invalid_parameter,
              std::format("the contract leaves `{}` no token to go on with after {}: what may come there is ruled "
                          "out by a bias or by the model file, or the model has no token for it; change the bias or "
                          "the contract, or switch constraints off (constrain=off)",
                          model_->name(), to_text(Json(text_.substr(from)))),
              {.model = model_->name()});
}

}  // namespace dspy::llama
