#include "modules/told_answers.hpp"

#include "dspy/base/text.hpp"
#include "modules/answer_spellings.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// The share of the answers' probability that may be unknown.
constexpr double most_unknown = 0.02;
/// Places at which the value is looked for.
constexpr int most_places = 64;

/// A place in the reply's text, and the way in which answers are spelled there.
struct Place {
  std::size_t at = 0;
  std::size_t way = 0;
};

/// Where the value stands: another answer, written there instead, is what is read then.
std::optional<Place> place_of(const Field& field, const DecisionSpace& space, std::size_t answer,
                              const std::string& text, const Exchange& exchange) {
  const auto other = answer == 0 ? std::size_t{1} : std::size_t{0};
  const auto own = spellings_of(field, space.values[answer], answer);
  const auto others = spellings_of(field, space.values[other], other);
  const auto lowered = text::to_lower(text);
  int left = most_places;
  for (std::size_t way = 0; way < std::min(own.size(), others.size()); ++way) {
    const auto wanted = text::to_lower(own[way]);
    if (wanted.empty()) continue;
    for (auto at = lowered.find(wanted); at != std::string::npos; at = lowered.find(wanted, at + 1)) {
      if (--left < 0) return std::nullopt;
      auto changed = text;
      changed.replace(at, wanted.size(), others[way]);
      const auto reading = exchange.parse(changed);
      if (!reading) continue;
      const auto* const read = reading->outputs.if_contains(field.name);
      if (read != nullptr && *read == space.values[other]) return Place{.at = at, .way = way};
    }
  }
  return std::nullopt;
}

/// In what the tokens write, the position at which the text begins: a reader may drop blanks before it.
std::optional<std::size_t> text_in(const std::string& written, std::string_view text) {
  const auto blanks = written.find_first_not_of(" \t\r\n");
  for (const std::size_t at : {std::size_t{0}, blanks}) {
    if (at != std::string::npos && std::string_view(written).substr(at).starts_with(text)) return at;
  }
  return std::nullopt;
}

bool is_word(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '_';
}

/// Follows the value's tokens, and counts what else could have been written.
class Count {
 public:
  explicit Count(std::vector<std::string> spellings) : spellings_(std::move(spellings)), sums_(spellings_.size()) {
    for (auto& each : spellings_) each = text::to_lower(each);
  }

  /// The bytes of `token` from `skipped` on are the value's.  False once one answer is left.
  bool take(const TokenLogprob& token, std::size_t skipped) {
    if (fitting(prefix_).size() < 2) return false;
    const auto before = std::string_view(token.text).substr(0, skipped);
    double told = 0;
    bool has_own = false;
    for (const auto& [text, logprob] : token.top) {
      const auto likely = std::exp(logprob);
      told += likely;
      if (text == token.text) {
        has_own = true;
      } else if (text.starts_with(before)) {
        add(prefix_ + text.substr(skipped), likely_ * likely);
      }
    }
    if (!has_own) told += std::exp(token.logprob);
    unknown_ += likely_ * std::max(0.0, 1 - told);
    likely_ *= std::exp(token.logprob);
    prefix_ += token.text.substr(skipped);
    return true;
  }

  ToldAnswers finish() {
    add(prefix_, likely_);
    const auto sum = std::accumulate(sums_.begin(), sums_.end(), 0.0);
    if (!(sum > 0) || !(unknown_ <= most_unknown * (sum + unknown_))) return {.kind = ToldAnswers::Kind::partial};
    for (auto& each : sums_) each /= sum;
    return {.kind = ToldAnswers::Kind::enough, .probabilities = std::move(sums_)};
  }

 private:
  /// The answers that a value beginning with `text` can be: those that begin with it, and one that is written in full.
  std::vector<std::size_t> fitting(std::string_view text) const {
    const auto begun = text::to_lower(text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size())));
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < spellings_.size(); ++i) {
      const auto& whole = spellings_[i];
      const bool is_ended = begun.size() > whole.size() && begun.starts_with(whole) && !is_word(begun[whole.size()]);
      if (whole.starts_with(begun) || is_ended) out.push_back(i);
    }
    return out;
  }

  void add(std::string_view text, double likely) {
    const auto answers = fitting(text);
    if (answers.size() == 1) sums_[answers[0]] += likely;
    if (answers.size() > 1) unknown_ += likely;
  }

  std::vector<std::string> spellings_;
  std::vector<double> sums_;
  std::string prefix_;  ///< Of the value, as it was written.
  double likely_ = 1;   ///< That of the prefix.
  double unknown_ = 0;
};

}  // namespace

ToldAnswers told_answers(const Field& field, const DecisionSpace& space, const Completion& reply,
                         const Exchange& exchange, const Json& value) {
  if (reply.logprobs.empty()) return {};
  std::string written;
  for (const auto& token : reply.logprobs) written += token.text;
  const auto begin = text_in(written, reply.text);
  const auto answer = static_cast<std::size_t>(std::ranges::find(space.values, value) - space.values.begin());
  // A server that holds replies to a grammar may tell of tokens that it did not take.
  if (!begin || answer == space.values.size()) return {.kind = ToldAnswers::Kind::partial};
  const auto place = place_of(field, space, answer, reply.text, exchange);
  if (!place) return {.kind = ToldAnswers::Kind::partial};

  std::vector<std::string> spellings;
  for (std::size_t i = 0; i < space.values.size(); ++i) {
    auto ways = spellings_of(field, space.values[i], i);
    if (place->way >= ways.size()) return {.kind = ToldAnswers::Kind::partial};
    spellings.push_back(std::move(ways[place->way]));
  }
  Count count(std::move(spellings));
  const auto from = *begin + place->at;
  std::size_t at = 0;
  for (const auto& token : reply.logprobs) {
    const auto start = std::exchange(at, at + token.text.size());
    if (at <= from) continue;
    if (!count.take(token, start < from ? from - start : 0)) break;
  }
  return count.finish();
}

}  // namespace dspy
