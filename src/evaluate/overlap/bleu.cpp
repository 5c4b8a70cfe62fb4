#include "base/unicode/letters.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/overlap/overlap.hpp"
#include "evaluate/overlap/words.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// BLEU (Papineni et al. 2002) with the tokenizer mteval-v13a and the smoothings that sacrebleu has (Chen and Cherry
// 2014).

namespace dspy::overlap {
namespace {

using dspy::text::is_digit;

constexpr bool is_stop(char c) noexcept {
  return c == '.' || c == ',';
}
/// ASCII punctuation but `'`, `,`, `-` and `.`; and the blank.
constexpr bool is_parted(char c) noexcept {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
         (c >= ':' && c <= '@') || c == '/';
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// A pass over the text that replaces two neighbours at a time, from left to right, as a regular expression does.
template <class Match, class Write>
std::string replaced_pairs(std::string_view text, Match matches, Write write) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      write(out, text[i], text[i + 1]);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string parted_13a(std::string_view segment) {
  std::string text(segment);
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  if (text.contains('&')) {
    replace_all(text, "&quot;", "\"");
    replace_all(text, "&amp;", "&");
    replace_all(text, "&lt;", "<");
    replace_all(text, "&gt;", ">");
  }
  std::string out = " ";
  for (const char c : text + " ") {
    if (is_parted(c)) {
      out += {' ', c, ' '};
    } else {
      out += c;
    }
  }
  out = replaced_pairs(
      out, [](char a, char b) { return !is_digit(a) && is_stop(b); },
      [](std::string& to, char a, char b) { to += {a, ' ', b, ' '}; });
  out = replaced_pairs(
      out, [](char a, char b) { return is_stop(a) && !is_digit(b); },
      [](std::string& to, char a, char b) { to += {' ', a, ' ', b}; });
  return replaced_pairs(
      out, [](char a, char b) { return is_digit(a) && b == '-'; },
      [](std::string& to, char a, char b) { to += {a, ' ', b, ' '}; });
}

std::string prepared(std::string_view segment, const BleuOptions& options) {
  auto text = options.lowercase ? lowered(segment) : std::string(segment);
  if (options.tokens == BleuTokens::none) return text;
  text.resize(text::trim_end(text).size());
  return parted_13a(text);
}

std::size_t nearest_length(std::size_t length, std::span<const std::vector<unsigned>> references) {
  auto best = references.front().size();
  const auto distance = [&](std::size_t other) { return other > length ? other - length : length - other; };
  for (const auto& reference : references) {
    const auto size = reference.size();
    if (distance(size) < distance(best) || (distance(size) == distance(best) && size < best)) best = size;
  }
  return best;
}

void require_order(std::size_t order) {
  if (order == 0 || order > 10)
    throw Error(Errc::invalid_parameter,
                std::format("BLEU of n-grams up to {} is not defined; ask for 1 to 10", order));
}

double logarithm(double value) {
  return value > 0 ? std::log(value) : -9'999'999'999.0;
}

}  // namespace

std::string tokenized_13a(std::string_view text) {
  std::string out;
  const auto parted = parted_13a(text::trim_end(text));
  for (const auto word : split_words(parted)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

Bleu bleu_of(std::vector<double> matches, std::vector<double> totals, std::size_t length, std::size_t reference_length,
             const BleuOptions& options) {
  require_order(options.max_order);
  if (matches.size() != options.max_order || totals.size() != options.max_order)
    throw Error(Errc::bad_input,
                std::format("BLEU needs counts of {} orders, not {}", options.max_order, matches.size()));
  Bleu out{.precisions = std::vector<double>(options.max_order),
           .length = length,
           .reference_length = reference_length,
           .matches = matches,
           .totals = totals};
  if (length < reference_length)
    out.brevity_penalty =
        length == 0 ? 0 : std::exp(1 - static_cast<double>(reference_length) / static_cast<double>(length));
  if (std::ranges::all_of(matches, [](double count) { return count == 0; })) return out;
  const double value = options.smoothing_value >= 0            ? options.smoothing_value
                       : options.smoothing == Smoothing::floor ? 0.1
                                                               : 1;
  double halvings = 1;
  auto orders = options.max_order;
  for (std::size_t n = 1; n <= options.max_order; ++n) {
    auto& matched = matches[n - 1];
    auto& total = totals[n - 1];
    if (options.smoothing == Smoothing::add_k && n > 1) {
      matched += value;
      total += value;
    }
    if (total == 0) break;
    if (options.effective_order) orders = n;
    auto& precision = out.precisions[n - 1];
    if (matched > 0) {
      precision = 100 * matched / total;
    } else if (options.smoothing == Smoothing::exp) {
      halvings *= 2;
      precision = 100 / (halvings * total);
    } else if (options.smoothing == Smoothing::floor) {
      precision = 100 * value / total;
    }
  }
  double sum = 0;
  for (std::size_t n = 0; n < orders; ++n) sum += logarithm(out.precisions[n]);
  out.score = out.brevity_penalty * std::exp(sum / static_cast<double>(orders));
  return out;
}

Bleu bleu(std::span<const std::string> hypotheses, std::span<const References> references, const BleuOptions& options) {
  require_order(options.max_order);
  require_pairs(hypotheses, references);
  std::vector<double> matches(options.max_order), totals(options.max_order);
  std::size_t length = 0, reference_length = 0;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    std::vector<std::string> texts{prepared(hypotheses[i], options)};
    for (const auto& reference : references[i]) texts.push_back(prepared(reference, options));
    Vocabulary vocabulary;
    std::vector<std::vector<unsigned>> words;
    for (const auto& text : texts) words.push_back(vocabulary(split_words(text)));
    length += words[0].size();
    reference_length += nearest_length(words[0].size(), std::span(words).subspan(1));
    for (std::size_t n = 1; n <= options.max_order; ++n) {
      const Grams mine(words[0], n);
      std::vector<Grams> theirs;
      for (std::size_t j = 1; j < words.size(); ++j) theirs.emplace_back(words[j], n);
      totals[n - 1] += static_cast<double>(mine.total());
      matches[n - 1] += static_cast<double>(mine.common_with(theirs));
    }
  }
  return bleu_of(std::move(matches), std::move(totals), length, reference_length, options);
}

}  // namespace dspy::overlap
