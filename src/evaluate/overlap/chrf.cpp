#include "dspy/base/error.hpp"
#include "dspy/base/unicode.hpp"
#include "dspy/evaluate/overlap/overlap.hpp"
#include "evaluate/overlap/words.hpp"

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

/// A text's letters and words as numbers, and its n-grams of all orders: of letters, then of words.
class Profile {
 public:
  Profile(const std::string& text, Alphabet& alphabet, Vocabulary& vocabulary, const ChrfOptions& options)
      : letters_(alphabet(text)),
        words_(options.word_order > 0 ? vocabulary(parted_words(text)) : std::vector<unsigned>()) {
    for (std::size_t n = 1; n <= options.character_order; ++n) grams_.emplace_back(letters_, n);
    for (std::size_t n = 1; n <= options.word_order; ++n) grams_.emplace_back(words_, n);
  }
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  const std::vector<Grams>& grams() const noexcept { return grams_; }

 private:
  std::vector<unsigned> letters_, words_;
  std::vector<Grams> grams_;
};

std::vector<Counts> compared(const Profile& hypothesis, const Profile& reference) {
  std::vector<Counts> out;
  for (std::size_t i = 0; i < hypothesis.grams().size(); ++i) {
    const auto& mine = hypothesis.grams()[i];
    const auto& theirs = reference.grams()[i];
    const auto references = static_cast<double>(theirs.total());
    out.push_back({.hypothesis = references > 0 ? static_cast<double>(mine.total()) : 0,
                   .reference = references,
                   .both = static_cast<double>(mine.common_with({&theirs, 1}))});
  }
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
    Alphabet alphabet;
    Vocabulary vocabulary;
    const auto text = options.lowercase ? lowered(hypotheses[i]) : hypotheses[i];
    const Profile hypothesis(text, alphabet, vocabulary, options);
    std::vector<std::string> texts;  // the vocabulary refers to them
    for (const auto& each : references[i]) texts.push_back(options.lowercase ? lowered(each) : each);
    std::vector<Counts> best;
    double best_score = -1;
    for (const auto& reference : texts) {
      auto counts = compared(hypothesis, Profile(reference, alphabet, vocabulary, options));
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
