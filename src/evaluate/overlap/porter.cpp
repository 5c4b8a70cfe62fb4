#include "dspy/evaluate/overlap/overlap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// Porter's algorithm (1980) with what NLTK changed and added, which ROUGE's reference stems with.

namespace dspy::overlap {
namespace {

bool is_consonant(std::string_view word, std::size_t i) {
  switch (word[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u': return false;
    case 'y': return i == 0 || !is_consonant(word, i - 1);
    default: return true;
  }
}

/// Porter's m: how often consonants follow vowels.
std::size_t measure(std::string_view stem) {
  std::size_t count = 0;
  bool after_vowel = false;
  for (std::size_t i = 0; i < stem.size(); ++i) {
    const bool consonant = is_consonant(stem, i);
    if (consonant && after_vowel) ++count;
    after_vowel = !consonant;
  }
  return count;
}

bool has_vowel(std::string_view stem) {
  for (std::size_t i = 0; i < stem.size(); ++i)
    if (!is_consonant(stem, i)) return true;
  return false;
}

bool ends_double_consonant(std::string_view word) {
  const auto n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

bool ends_consonant_vowel_consonant(std::string_view word) {
  const auto n = word.size();
  if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) && is_consonant(word, n - 1) &&
         !std::string_view("wxy").contains(word[n - 1]);
}

struct Rule {
  std::string_view suffix;
  std::string_view replacement;
};

/// The first rule whose suffix is there decides, also where the stem before it is too short.
std::string apply(std::string_view word, std::span<const Rule> rules, std::size_t above) {
  for (const auto& [suffix, replacement] : rules) {
    if (!word.ends_with(suffix)) continue;
    const auto stem = word.substr(0, word.size() - suffix.size());
    if (measure(stem) <= above) break;
    return std::string(stem) + std::string(replacement);
  }
  return std::string(word);
}

std::string with_end(std::string_view word, std::size_t cut, std::string_view end) {
  return std::string(word.substr(0, word.size() - cut)) + std::string(end);
}

std::string plurals(std::string_view word) {
  if (word.ends_with("ies")) return with_end(word, 3, word.size() == 4 ? "ie" : "i");
  if (word.ends_with("sses")) return with_end(word, 2, "");
  if (word.ends_with("s") && !word.ends_with("ss")) return with_end(word, 1, "");
  return std::string(word);
}

std::string participles(std::string_view word) {
  if (word.ends_with("ied")) return with_end(word, 3, word.size() == 4 ? "ie" : "i");
  if (word.ends_with("eed"))
    return measure(word.substr(0, word.size() - 3)) > 0 ? with_end(word, 1, "") : std::string(word);
  std::string_view stem;
  if (word.ends_with("ed") && has_vowel(word.substr(0, word.size() - 2))) {
    stem = word.substr(0, word.size() - 2);
  } else if (word.ends_with("ing") && has_vowel(word.substr(0, word.size() - 3))) {
    stem = word.substr(0, word.size() - 3);
  } else {
    return std::string(word);
  }
  if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) return std::string(stem) + 'e';
  if (ends_double_consonant(stem))
    return std::string("lsz").contains(stem.back()) ? std::string(stem) : with_end(stem, 1, "");
  if (measure(stem) == 1 && ends_consonant_vowel_consonant(stem)) return std::string(stem) + 'e';
  return std::string(stem);
}

std::string final_y(std::string_view word) {
  if (!word.ends_with('y')) return std::string(word);
  const auto stem = word.substr(0, word.size() - 1);
  return stem.size() > 1 && is_consonant(stem, stem.size() - 1) ? std::string(stem) + 'i' : std::string(word);
}

std::string double_suffixes(const std::string& word) {
  if (word.ends_with("alli") && measure(std::string_view(word).substr(0, word.size() - 4)) > 0)
    return double_suffixes(with_end(word, 2, ""));
  static constexpr auto rules = std::to_array<Rule>(
      {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
       {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
       {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
       {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
       {"fulli", "ful"}});
  // The l counts to the stem, so that `geology` is one.
  if (word.ends_with("logi"))
    return measure(std::string_view(word).substr(0, word.size() - 3)) > 0 ? with_end(word, 1, "") : word;
  return apply(word, rules, 0);
}

std::string suffixes(std::string_view word) {
  static constexpr auto rules = std::to_array<Rule>(
      {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}});
  return apply(word, rules, 0);
}

std::string last_suffixes(std::string_view word) {
  static constexpr auto rules =
      std::to_array<std::string_view>({"al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent",
                                       "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"});
  for (const auto suffix : rules) {
    if (!word.ends_with(suffix)) continue;
    const auto stem = word.substr(0, word.size() - suffix.size());
    const bool fits = measure(stem) > 1 && (suffix != "ion" || stem.ends_with('s') || stem.ends_with('t'));
    return std::string(fits ? stem : word);
  }
  return std::string(word);
}

std::string tidy_up(std::string word) {
  if (word.ends_with('e')) {
    const auto stem = std::string_view(word).substr(0, word.size() - 1);
    const auto m = measure(stem);
    if (m > 1 || (m == 1 && !ends_consonant_vowel_consonant(stem))) word.pop_back();
  }
  if (word.ends_with("ll") && measure(std::string_view(word).substr(0, word.size() - 1)) > 1) word.pop_back();
  return word;
}

std::optional<std::string_view> irregular(std::string_view word) {
  static constexpr auto forms = std::to_array<Rule>({{"sky", "sky"},
                                                     {"skies", "sky"},
                                                     {"dying", "die"},
                                                     {"lying", "lie"},
                                                     {"tying", "tie"},
                                                     {"news", "news"},
                                                     {"innings", "inning"},
                                                     {"inning", "inning"},
                                                     {"outings", "outing"},
                                                     {"outing", "outing"},
                                                     {"cannings", "canning"},
                                                     {"canning", "canning"},
                                                     {"howe", "howe"},
                                                     {"proceed", "proceed"},
                                                     {"exceed", "exceed"},
                                                     {"succeed", "succeed"}});
  const auto* const found = std::ranges::find(forms, word, &Rule::suffix);
  if (found == forms.end()) return {};
  return found->replacement;
}

}  // namespace

std::string porter_stem(std::string_view word) {
  if (const auto stem = irregular(word)) return std::string(*stem);
  if (word.size() <= 2) return std::string(word);
  return tidy_up(last_suffixes(suffixes(double_suffixes(final_y(participles(plurals(word)))))));
}

}  // namespace dspy::overlap
