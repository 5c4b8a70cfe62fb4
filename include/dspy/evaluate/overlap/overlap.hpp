#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Overlap of a text with reference texts: BLEU, chrF and TER with sacrebleu's results, ROUGE with those of Google's
// rouge_score.

namespace dspy::overlap {

/// The references of one hypothesis; one or more.
using References = std::vector<std::string>;

enum class BleuTokens {
  v13a,  ///< mteval-v13a, sacrebleu's default.
  none,  ///< Split at white space.
};

enum class Smoothing { exp, floor, add_k, none };

struct BleuOptions {
  std::size_t max_order = 4;  ///< 1 to 10.
  BleuTokens tokens = BleuTokens::v13a;
  Smoothing smoothing = Smoothing::exp;
  double smoothing_value = -1;   ///< Of floor (0.1 unless given) and add_k (1).
  bool effective_order = false;  ///< Orders that the hypothesis is too short for are left out; for single sentences.
  bool lowercase = false;
};

struct Bleu {
  double score = 0;                     ///< In percent.
  std::vector<double> precisions = {};  ///< In percent, by order.
  double brevity_penalty = 1;
  std::size_t length = 0;            ///< Tokens of the hypotheses.
  std::size_t reference_length = 0;  ///< Of the nearest references.
  std::vector<double> matches = {};
  std::vector<double> totals = {};
};

/// Of a corpus.  Throws `Error` (`bad_input`) if there is no text or a text without a reference, or the numbers differ;
/// (`invalid_parameter`) for an order out of range.  The same of the others.
Bleu bleu(std::span<const std::string> hypotheses, std::span<const References> references,
          const BleuOptions& options = {});
/// From counts: `matches` and `totals` by order.
Bleu bleu_of(std::vector<double> matches, std::vector<double> totals, std::size_t length, std::size_t reference_length,
             const BleuOptions& options = {});
/// The text as BLEU's tokenizer leaves it, with single blanks.
std::string tokenized_13a(std::string_view text);

struct ChrfOptions {
  std::size_t character_order = 6;
  std::size_t word_order = 0;  ///< 2: chrF++.
  double beta = 2;
  bool lowercase = false;
  bool eps_smoothing = false;  ///< As chrF++'s first implementation has it.
};
/// In percent.
double chrf(std::span<const std::string> hypotheses, std::span<const References> references,
            const ChrfOptions& options = {});

/// Edits and shifts of a hypothesis until it is its nearest reference, per hundred words of the references: less is
/// better.  The search for shifts is Tercom's, as sacrebleu has it.
double ter(std::span<const std::string> hypotheses, std::span<const References> references,
           bool case_sensitive = false);

struct Rouge {
  double precision = 0;
  double recall = 0;
  double f1 = 0;

  bool operator==(const Rouge&) const = default;
};

/// Of n-grams.
Rouge rouge_n(std::string_view reference, std::string_view hypothesis, std::size_t n, bool stems = false);
/// Of the longest common subsequence of words.
Rouge rouge_l(std::string_view reference, std::string_view hypothesis, bool stems = false);
/// The same sentence by sentence; a line is a sentence.
Rouge rouge_lsum(std::string_view reference, std::string_view hypothesis, bool stems = false);

/// Porter's stemmer with the extensions of NLTK, as rouge_score uses it.  For lower-case ASCII words.
std::string porter_stem(std::string_view word);

}  // namespace dspy::overlap
