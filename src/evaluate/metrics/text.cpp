#include "dspy/evaluate/metrics/text.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/unicode.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::metrics {
namespace {

std::vector<std::string_view> words_of(std::string_view normalized) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < normalized.size();) {
    const auto end = std::min(normalized.find(' ', i), normalized.size());
    if (end > i) out.push_back(normalized.substr(i, end - i));
    i = end + 1;
  }
  return out;
}

struct Overlap {
  std::size_t common = 0, prediction = 0, reference = 0;

  double precision() const noexcept { return static_cast<double>(common) / static_cast<double>(prediction); }
  double recall() const noexcept { return static_cast<double>(common) / static_cast<double>(reference); }
  double f1() const noexcept {
    if (common == 0) return 0;
    return 2 * precision() * recall() / (precision() + recall());
  }
};

Overlap overlap(std::string_view prediction, std::string_view reference) {
  const auto made = words_of(prediction), gold = words_of(reference);
  std::map<std::string_view, std::size_t> left;
  for (const auto word : gold) ++left[word];
  std::size_t common = 0;
  for (const auto word : made) {
    const auto found = left.find(word);
    if (found == left.end() || found->second == 0) continue;
    --found->second;
    ++common;
  }
  return {common, made.size(), gold.size()};
}

bool is_verdict(std::string_view text) noexcept {
  return text == "yes" || text == "no" || text == "noanswer";
}

void require_references(std::span<const std::string> references) {
  if (references.empty())
    throw Error(Errc::bad_input, "there is no reference to compare with; give the example at least one answer");
}

/// The tokens of DPR in the normalized text: runs of letters, numbers and marks, and every other sign by itself.
std::vector<std::u32string> passage_words(std::string_view passage) {
  const auto points = text::to_nfd(text::code_points(normalize_text(passage)));
  std::vector<std::u32string> out;
  for (std::size_t i = 0; i < points.size();) {
    auto end = i;
    while (end < points.size() && (text::is_letter_or_number(points[end]) || text::is_mark(points[end]))) ++end;
    if (end > i) {
      out.push_back(text::to_lower(std::u32string_view(points).substr(i, end - i)));
      i = end;
    } else {
      if (text::is_punctuation_or_symbol(points[i])) out.emplace_back(1, points[i]);
      ++i;
    }
  }
  return out;
}

}  // namespace

std::string normalize_text(std::string_view text) {
  return text::normalized_answer(text);
}

bool em_score(std::string_view prediction, std::string_view reference) {
  return normalize_text(prediction) == normalize_text(reference);
}

double f1_score(std::string_view prediction, std::string_view reference) {
  return overlap(normalize_text(prediction), normalize_text(reference)).f1();
}

double hotpot_f1_score(std::string_view prediction, std::string_view reference) {
  const auto made = normalize_text(prediction), gold = normalize_text(reference);
  if ((is_verdict(made) || is_verdict(gold)) && made != gold) return 0;
  return overlap(made, gold).f1();
}

double precision_score(std::string_view prediction, std::string_view reference) {
  const auto made = normalize_text(prediction), gold = normalize_text(reference);
  const auto common = overlap(made, gold);
  return common.common == 0 ? 0 : common.precision();
}

bool em(std::string_view prediction, std::span<const std::string> references) {
  require_references(references);
  const auto made = normalize_text(prediction);
  return std::ranges::any_of(references, [&](const auto& reference) { return made == normalize_text(reference); });
}

double f1(std::string_view prediction, std::span<const std::string> references) {
  require_references(references);
  double best = 0;
  for (const auto& reference : references) best = std::max(best, f1_score(prediction, reference));
  return best;
}

double hotpot_f1(std::string_view prediction, std::span<const std::string> references) {
  require_references(references);
  double best = 0;
  for (const auto& reference : references) best = std::max(best, hotpot_f1_score(prediction, reference));
  return best;
}

bool has_answer(std::span<const std::string> answers, std::string_view passage) {
  const auto words = passage_words(passage);
  return std::ranges::any_of(answers, [&](const auto& answer) {
    return !std::ranges::search(words, passage_words(answer)).empty() || passage_words(answer).empty();
  });
}

double harmonic_f1(double precision, double recall) {
  precision = std::clamp(precision, 0.0, 1.0);
  recall = std::clamp(recall, 0.0, 1.0);
  if (precision + recall == 0) return 0;
  return 2 * (precision * recall) / (precision + recall);
}

}  // namespace dspy::metrics
