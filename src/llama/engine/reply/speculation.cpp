#include "llama/engine/reply/speculation.hpp"

#include <algorithm>
#include <optional>

namespace dspy::llama {
namespace {

constexpr std::size_t least_match = 2;
/// More than this makes no place more alike.
constexpr std::size_t longest_match = 12;
/// Of a step, what an accepted token is taken to save: what was timed is never quite what comes.
constexpr double worth = 0.9;
/// A price, in steps.
constexpr double dear = 0.5;

}  // namespace

std::span<const Token> look_up(std::span<const Token> tokens, std::size_t most) noexcept {
  if (tokens.empty()) return {};
  std::size_t longest = least_match - 1;
  std::size_t next = tokens.size();
  for (auto at = tokens.size() - 1; at-- > 0 && longest < longest_match;) {
    if (tokens[at] != tokens.back()) continue;
    std::size_t match = 1;
    while (match <= at && match < longest_match && tokens[at - match] == tokens[tokens.size() - 1 - match]) ++match;
    if (match <= longest) continue;
    longest = match;
    next = at + 1;
  }
  return tokens.subspan(next, std::min(most, tokens.size() - next));
}

void DraftLength::observe(std::size_t drafted, std::size_t accepted) noexcept {
  if (drafted == 0) return;
  length_ = accepted == drafted ? std::max(length_, std::min(longest, 2 * drafted)) : std::max(shortest, accepted);
}

void DraftBudget::Typical::observe(double value) noexcept {
  if (!value_) value_ = value;
  const auto known = *value_;
  value_ = known + 0.1 * (std::min(value, 3 * known) - known);
}

/// Of a drafted token, in steps.
double DraftBudget::price(double step) const noexcept {
  return std::clamp(token_.value().value_or(first_price * step) / step, 0.01, 2.0);
}

std::size_t DraftBudget::allowance(std::size_t tokens) const noexcept {
  const auto step = tokens < steps_.size() ? steps_[tokens].value() : std::nullopt;
  return step && balance_ > 0 ? static_cast<std::size_t>(balance_ / price(*step)) : 0;
}

void DraftBudget::observe(const Step& step) noexcept {
  if (step.tokens >= steps_.size() || step.replies == 0) return;
  auto& typical = steps_[step.tokens];
  if (step.drafted == 0) {
    typical.observe(step.time.count());
  } else if (const auto plain = typical.value()) {
    // Never nothing, which later values could not be distinguished from an extreme.
    const auto more = (step.time.count() - *plain) / static_cast<double>(step.drafted);
    token_.observe(std::clamp(more, 0.05 * *plain, 2 * *plain));
    const auto cost = price(*plain);
    const auto gain = worth / static_cast<double>(step.replies);
    // Where a token is dear, little can be gained, and what seems to be may be an error of timing: accepted ones only
    // repay what they cost.
    balance_ += static_cast<double>(step.accepted) * (cost < dear ? gain : std::min(gain, cost)) -
                static_cast<double>(step.drafted) * cost;
  }
  balance_ = std::min(balance_ + share, most);
}

}  // namespace dspy::llama
