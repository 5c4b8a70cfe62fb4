#include "adapters/coercion/slips.hpp"

#include "base/unicode/letters.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace dspy {
namespace {

constexpr std::size_t shortest_word = 6;

using text::is_letter;
using text::lower;

constexpr bool is_vowel(char c) noexcept {
  return std::string_view("aeiouy").contains(lower(c));
}
constexpr bool is_consonant(char c) noexcept {
  return is_letter(c) && !is_vowel(c);
}
constexpr bool same(char a, char b) noexcept {
  return lower(a) == lower(b);
}

/// Roman numbers, sequences of bases and hexadecimal digits are not words, however long: each letter counts.
bool is_code(std::string_view word) noexcept {
  for (const std::string_view letters : {"ivxlcdm", "acgtun", "abcdef"}) {
    if (std::ranges::all_of(word, [&](char c) { return letters.contains(lower(c)); })) return true;
  }
  return false;
}

/// Consonants around that place of a word that meet in no English word unless parts of it do: three or more of which
/// the last is none that easily follows others, as in `angle`, `concrete`, `thicks` and `infarct`.
bool is_odd_cluster(std::string_view word, std::size_t at) noexcept {
  auto first = at;
  auto last = at;
  while (first > 0 && is_consonant(word[first - 1])) --first;
  while (last < word.size() && is_consonant(word[last])) ++last;
  return last - first >= 3 && !std::string_view("lrst").contains(lower(word[last - 1]));
}

/// The letter of the pair at `at` and the one before it may be written once or twice, and the word stays the same:
/// `wilful` and `willful`, but not `filing` and `filling`, `rifle` and `riffle`.
bool is_same_if_doubled(std::string_view word, std::size_t at) noexcept {
  if (!is_consonant(word[at]) || at < 2) return false;
  const char before = word[at - 2];
  const char after = word[at + 1];
  if (same(before, word[at]) || same(after, word[at])) return true;  // three of them are a slip for sure
  return (is_consonant(before) || is_consonant(after)) && lower(after) != 'l' && lower(after) != 'r';
}

/// The same for what differs, whole words of letters alone.
bool is_slip_of_word(std::string_view wanted, std::string_view written) {
  const auto shorter = std::min(wanted.size(), written.size());
  const auto longer = std::max(wanted.size(), written.size());
  if (shorter < shortest_word || longer - shorter > 1 || is_code(wanted)) return false;
  std::size_t at = 0;
  while (at < shorter && same(wanted[at], written[at])) ++at;
  const auto rest_is_same = [&](std::size_t of_wanted, std::size_t of_written) {
    return std::ranges::equal(wanted.substr(of_wanted), written.substr(of_written), same);
  };
  // The first and the last letter of a word are as they should be.
  if (wanted.size() == written.size()) {
    const bool is_swapped = at > 0 && at + 2 < shorter && same(wanted[at], written[at + 1]) &&
                            same(wanted[at + 1], written[at]) && rest_is_same(at + 2, at + 2);
    return is_swapped && is_odd_cluster(written, is_consonant(written[at]) ? at : at + 1);
  }
  const bool is_longer = written.size() > wanted.size();
  const auto more = is_longer ? written : wanted;
  if (at == 0 || at + 1 >= more.size() || !rest_is_same(is_longer ? at : at + 1, is_longer ? at + 1 : at)) return false;
  return same(more[at], more[at - 1]) && is_same_if_doubled(more, at);
}

}  // namespace

bool is_slip_of(std::string_view wanted, std::string_view written) {
  if (std::max(wanted.size(), written.size()) - std::min(wanted.size(), written.size()) > 1) return false;
  // The one word that differs: what is before and after it is equal.
  std::size_t head = 0;
  while (head < std::min(wanted.size(), written.size()) && same(wanted[head], written[head])) ++head;
  while (head > 0 && is_letter(wanted[head - 1])) --head;
  const auto word_of = [&](std::string_view text) {
    const auto rest = text.substr(head);
    return rest.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(rest, is_letter) - rest.begin()));
  };
  const auto wanted_word = word_of(wanted);
  const auto written_word = word_of(written);
  return std::ranges::equal(wanted.substr(head + wanted_word.size()), written.substr(head + written_word.size()),
                            same) &&
         is_slip_of_word(wanted_word, written_word);
}

}  // namespace dspy
