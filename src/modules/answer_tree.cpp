#include "modules/answer_tree.hpp"

#include "dspy/base/json.hpp"
#include "modules/answer_spellings.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::size_t first_letter(std::string_view text) noexcept {
  const auto found = text.find_first_not_of(" \t\r\n");
  return found == std::string_view::npos ? text.size() : found;
}

/// The reply's tokens from byte `from` on: whether they are of the output, and where they begin.
struct Walk {
  const Completion& reply;
  std::size_t first = 0;  ///< Token.
  std::size_t at = 0;     ///< Byte of the reply's text where it begins.
};

/// The positions of the tokens in the text: all of it, or what was written after `beginning`.  The text may lack the
/// blank that its first token begins with.
std::optional<Walk> walk(const Completion& reply, std::size_t beginning) {
  std::string all;
  for (const auto& token : reply.logprobs) all += token.text;
  const std::string_view text = reply.text;
  if (all.empty()) return std::nullopt;
  const auto shifted = std::string_view(all).substr(all.starts_with(' ') ? 1 : 0);
  if (all == text || shifted.starts_with(text) || all.starts_with(text)) return Walk{.reply = reply};
  if (const auto rest = text.substr(std::min(beginning, text.size())); all.starts_with(rest) && !rest.empty())
    return Walk{.reply = reply, .at = beginning};
  return std::nullopt;
}

}  // namespace

double AnswerTree::unmeasured() const noexcept {
  return std::max(0.0, 1 - std::accumulate(sums_.begin(), sums_.end(), 0.0));
}

void AnswerTree::learn_spelling(std::string_view value_text, std::size_t answer) {
  if (!spellings_.empty()) return;
  const auto blanks = first_letter(value_text);
  const auto written = value_text.substr(blanks);
  std::size_t best = 0, longest = 0;
  const auto own = spellings_of(field_, space_.values[answer], answer);
  for (std::size_t way = 0; way < own.size(); ++way) {
    if (!written.starts_with(own[way]) || own[way].size() <= longest) continue;
    longest = own[way].size();
    best = way;
  }
  if (longest == 0) return;
  for (std::size_t i = 0; i < space_.values.size(); ++i) {
    const auto ways = spellings_of(field_, space_.values[i], i);
    if (best >= ways.size()) return spellings_.clear();
    spellings_.push_back(std::string(value_text.substr(0, blanks)) + ways[best]);
  }
}

std::optional<std::size_t> AnswerTree::only_answer(std::string_view text) const {
  std::optional<std::size_t> only;
  for (std::size_t i = 0; i < spellings_.size(); ++i) {
    const std::string_view whole = spellings_[i];
    if (!whole.starts_with(text) && !text.starts_with(whole)) continue;
    if (only) return std::nullopt;
    only = i;
  }
  return only;
}

/// The reply could have gone on to another answer where it ended, and does not say how likely that was.
bool AnswerTree::ends_early(std::string_view value_text) const {
  return std::ranges::contains(spellings_, value_text) &&
         std::ranges::any_of(spellings_, [&](const std::string& other) {
           return other.size() > value_text.size() && other.starts_with(value_text);
         });
}

/// A token that ends the reply has no text.
void AnswerTree::add(std::string text, double probability, std::size_t value_at, bool is_end) {
  if (is_end) {
    const auto whole = std::ranges::find(spellings_, std::string_view(text).substr(value_at));
    if (whole != spellings_.end()) sums_[static_cast<std::size_t>(whole - spellings_.begin())] += probability;
    return;
  }
  if (const auto answer = only_answer(std::string_view(text).substr(value_at))) {
    sums_[*answer] += probability;
  } else {
    open_.push_back({std::move(text), probability});
  }
}

bool AnswerTree::accept(std::string_view beginning, const Completion& reply, const Json* value) {
  double probability = 1;
  if (!beginning.empty()) {
    const auto asked = std::ranges::find(asked_, beginning, &Branch::text);
    if (asked == asked_.end()) return false;
    probability = asked->probability;
    asked_.erase(asked);
  }
  const auto point = std::ranges::find(reply.resume_points, field_.name, &ResumePoint::field);
  const auto start = walk(reply, beginning.size());
  if (point == reply.resume_points.end() || !start) return false;
  const auto answer = value == nullptr ? space_.values.end() : std::ranges::find(space_.values, *value);
  const auto index = static_cast<std::size_t>(answer - space_.values.begin());
  const auto value_at = point->offset;
  if (answer != space_.values.end()) learn_spelling(std::string_view(reply.text).substr(value_at), index);

  // The blank that the first token has and the text lacks.
  const bool is_whole = start->at == 0;
  const std::size_t dropped = is_whole && !reply.text.starts_with(' ') && reply.logprobs.front().text.starts_with(' ');
  auto at = start->at;
  bool is_told = false;
  for (const auto& token : reply.logprobs) {
    const auto begins = at > dropped || !is_whole ? at - (is_whole ? dropped : 0) : 0;
    at += token.text.size();
    if (token.field != field_.name || begins < std::max(value_at, beginning.size())) continue;
    is_told = true;
    if (token.forced) continue;
    bool is_own = true;
    for (const auto& [text, logprob] : token.top) {
      if (text == token.text && std::exchange(is_own, false)) continue;
      add(reply.text.substr(0, begins) + text, probability * std::exp(logprob), value_at, text.empty());
    }
    probability *= std::exp(token.logprob);
  }
  const auto value_text = std::string_view(reply.text).substr(value_at);
  if (answer != space_.values.end() && !ends_early(value_text)) sums_[index] += probability;
  return is_told;
}

std::vector<std::string> AnswerTree::open(std::size_t count) {
  constexpr double negligible = 1e-7;
  std::ranges::sort(open_, std::ranges::greater(), &Branch::probability);
  std::vector<std::string> out;
  for (auto& branch : open_) {
    if (out.size() == count || branch.probability < negligible) break;
    const auto same = std::ranges::find(asked_, branch.text, &Branch::text);
    if (same != asked_.end()) {
      same->probability += branch.probability;
      continue;
    }
    out.push_back(branch.text);
    asked_.push_back(std::move(branch));
  }
  open_.clear();
  return out;
}

}  // namespace dspy
