#include "llama/engine/reply/earlier_replies.hpp"

#include <algorithm>

namespace dspy::llama {
namespace {

constexpr Token seam = -1;  ///< Between two replies.

std::uint64_t key_of(std::span<const Token> last) noexcept {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const auto token : last) hash = (hash ^ static_cast<std::uint32_t>(token)) * 1099511628211U;
  return hash;
}

}  // namespace

std::size_t common_end(std::span<const Token> one, std::span<const Token> other, std::size_t most) noexcept {
  most = std::min({most, one.size(), other.size()});
  std::size_t count = 0;
  while (count < most && one[one.size() - 1 - count] == other[other.size() - 1 - count]) ++count;
  return count;
}

void EarlierReplies::keep(std::span<const Token> tokens, std::size_t begin) {
  if (most_ == 0 || begin >= tokens.size()) return;
  auto kept = tokens.subspan(begin - std::min(begin, longest_match));
  if (kept.size() + 1 > most_) kept = kept.first(most_ - 1);
  while (!tokens_.empty() && tokens_.size() + kept.size() + 1 > most_) drop_older();
  for (const auto token : kept) add(token);
  add(seam);
}

/// A place is where a token stands that follows `least_match` others.
void EarlierReplies::add(Token token) {
  const auto place = static_cast<std::uint32_t>(tokens_.size());
  auto before = nowhere;
  if (tokens_.size() >= least_match && token != seam) {
    auto& latest = latest_.try_emplace(key_of(std::span(tokens_).last(least_match)), nowhere).first->second;
    before = latest;
    latest = place;
  }
  tokens_.push_back(token);
  before_.push_back(before);
}

/// The older half, and so much more that whole replies are left.
void EarlierReplies::drop_older() {
  const auto half =
      std::ranges::find(tokens_.begin() + static_cast<std::ptrdiff_t>(tokens_.size() / 2), tokens_.end(), seam);
  const std::vector<Token> kept(half == tokens_.end() ? half : half + 1, tokens_.end());
  tokens_.clear();
  before_.clear();
  latest_.clear();
  for (const auto token : kept) add(token);
}

std::span<const Token> EarlierReplies::look_up(std::span<const Token> tokens, std::size_t most,
                                               std::size_t alike) const {
  if (tokens.size() < least_match || most == 0) return {};
  const auto found = latest_.find(key_of(tokens.last(least_match)));
  if (found == latest_.end()) return {};
  const std::span all(tokens_);
  auto longest = std::max(alike, least_match - 1);
  std::span<const Token> next;
  int compared = 0;
  for (auto place = found->second; place != nowhere && compared < most_places; place = before_[place], ++compared) {
    const auto match = common_end(all.first(place), tokens, longest_match);
    if (match <= longest) continue;
    longest = match;
    next = all.subspan(place);
    if (match == longest_match) break;
  }
  next = next.first(std::min(most, next.size()));
  return next.first(static_cast<std::size_t>(std::ranges::find(next, seam) - next.begin()));
}

}  // namespace dspy::llama
