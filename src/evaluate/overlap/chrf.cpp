#include "dspy/base/error.hpp"
#include "dspy/base/unicode.hpp"
#include "dspy/evaluate/overlap/overlap.hpp"
#include "evaluate/overlap/words.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// chrF and chrF++ (Popović 2015, 2017), with sacrebleu's choices: white space is left out, an order counts where both
// texts have n-grams of it, and the best reference of a segment is taken.

namespace dspy::overlap {
namespace {

struct Counts {
  double hypothesis = 0;
  double reference = 0;
  double both = 0;
};

constexpr bool is_punctuation(char c) noexcept {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// A punctuation mark at the end of a word, or else at its start, is a word of its own.
std::vector<std::string_view> parted_words(std::string_view text) {
  std::vector<std::string_view> out;
  for (const auto word : split_words(text)) {
    if (word.size() > 1 && text::code_points(word).size() > 1 && is_punctuation(word.back())) {
      out.push_back(word.substr(0, word.size() - 1));
      out.push_back(word.substr(word.size() - 1));
    } else if (word.size() > 1 && is_punctuation(word.front())) {
      out.push_back(word.substr(0, 1));
      out.push_back(word.substr(1));
    } else {
      out.push_back(word);
    }
  }
  return out;
}

std::vector<unsigned> letters_of(std::string_view text) {
  std::vector<unsigned> out;
  for (const auto word : split_words(text))
    for (const auto point : text::code_points(word)) out.push_back(static_cast<unsigned>(point));
  return out;
}

double f_score(std::span<const Counts> orders, const ChrfOptions& options) {
  constexpr double eps = 1e-16;
  const double factor = options.beta * options.beta;
  double smoothed = 0, precision = 0, recall = 0, effective = 0;
  for (const auto& order : orders) {
    const double p = order.hypothesis > 0 ? order.both / order.hypothesis : eps;
    const double r = order.reference > 0 ? order.both / order.reference : eps;
    const double bottom = factor * p + r;
    smoothed += bottom > 0 ? (1 + factor) * p * r / bottom : eps;
    if (order.hypothesis > 0 && order.reference > 0) {
      precision += p;
      recall += r;
      ++effective;
    }
  }
  if (options.eps_smoothing) return 100 * smoothed / static_cast<double>(orders.size());
  if (effective == 0) return 0;
  precision /= effective;
  recall /= effective;
  return precision + recall > 0 ? 100 * (1 + factor) * precision * recall / (factor * precision + recall) : 0;
}

/// Counts of all orders: of characters, then of words.
void count(std::vector<Counts>& out, std::span<const unsigned> mine, std::span<const unsigned> theirs,
           std::size_t most) {
  for (std::size_t n = 1; n <= most; ++n) {
    const Grams hypothesis(mine, n);
    const std::array reference{Grams(theirs, n)};
    const auto references = static_cast<double>(reference[0].total());
    out.push_back({.hypothesis = references > 0 ? static_cast<double>(hypothesis.total()) : 0,
                   .reference = references,
                   .both = static_cast<double>(hypothesis.common_with(reference))});
  }
}

std::vector<Counts> compared(const std::string& hypothesis, const std::string& reference, const ChrfOptions& options) {
  std::vector<Counts> out;
  count(out, letters_of(hypothesis), letters_of(reference), options.character_order);
  Vocabulary vocabulary;
  const auto mine = vocabulary(parted_words(hypothesis)), theirs = vocabulary(parted_words(reference));
  count(out, mine, theirs, options.word_order);
  return out;
}

}  // namespace

double chrf(std::span<const std::string> hypotheses, std::span<const References> references,
            const ChrfOptions& options) {
  require_pairs(hypotheses, references);
  const auto orders = options.character_order + options.word_order;
  if (orders == 0 || orders > 20 || !(options.beta > 0))
    throw Error(Errc::invalid_parameter, "chrF needs 1 to 20 orders of n-grams, and a beta above 0");
  std::vector<Counts> sums(orders);
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    const auto hypothesis = options.lowercase ? lowered(hypotheses[i]) : hypotheses[i];
    std::vector<Counts> best;
    double best_score = -1;
    for (const auto& each : references[i]) {
      auto counts = compared(hypothesis, options.lowercase ? lowered(each) : each, options);
      if (const double score = f_score(counts, options); score > best_score) {
        best_score = score;
        best = std::move(counts);
      }
    }
    for (std::size_t n = 0; n < orders; ++n) {
      sums[n].hypothesis += best[n].hypothesis;
      sums[n].reference += best[n].reference;
      sums[n].both += best[n].both;
    }
  }
  return f_score(sums, options);
}

}  // namespace dspy::overlap
