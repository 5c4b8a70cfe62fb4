#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "retrieve/documents/cutter.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

// Places where a text may be cut.

namespace dspy::documents {
namespace {

using dspy::text::is_digit;
using dspy::text::is_space;

constexpr bool is_blank(char c) noexcept {
  return is_space(c) && c != '\n';
}
constexpr bool is_capital(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_small(char c) noexcept {
  return c >= 'a' && c <= 'z';
}

/// Words after which a full stop ends no sentence, in lower case, sorted.
constexpr auto abbreviations = std::to_array<std::string_view>(
    {"al",   "approx", "apr", "art", "aug", "bd",  "bzw", "ca",   "cf",  "ch",  "chap", "co",  "corp", "dec",
     "dept", "dr",     "ed",  "eds", "eq",  "est", "etc", "ext",  "feb", "fig", "figs", "fri", "gen",  "gov",
     "inc",  "jan",    "jr",  "jul", "jun", "ltd", "mar", "max",  "min", "mon", "mr",   "mrs", "ms",   "mt",
     "no",   "nos",    "nov", "nr",  "oct", "p",   "pp",  "prof", "rep", "rev", "sat",  "sec", "sen",  "sep",
     "sept", "sr",     "st",  "sun", "tab", "thu", "tue", "u.s",  "usw", "vgl", "viz",  "vol", "vs",   "wed"});
static_assert(std::ranges::is_sorted(abbreviations));

/// Characters of several bytes that end a sentence, or close what one ends in.
constexpr auto wide_ends = std::to_array<std::string_view>({"。", "！", "？", "｡", "।", "؟", "۔", "…"});
constexpr auto wide_closers = std::to_array<std::string_view>({"”", "’", "»", "」", "』", "）", "›"});

/// Bytes with which the end of a sentence may begin.
constexpr auto may_end = [] {
  std::array<bool, 256> out{};
  for (const char c : {'.', '!', '?', '\n'}) out[static_cast<unsigned char>(c)] = true;
  for (const auto wide : wide_ends) out[static_cast<unsigned char>(wide.front())] = true;
  return out;
}();

/// The bytes that one of `options` has at `at`, or 0.
template <std::size_t N>
std::size_t match_at(std::string_view text, std::size_t at, const std::array<std::string_view, N>& options) {
  for (const auto option : options)
    if (text.substr(at).starts_with(option)) return option.size();
  return 0;
}

/// The word that ends before `at`, dots within it too.
std::string_view word_before(std::string_view text, std::size_t begin, std::size_t at) {
  auto start = at;
  while (start > begin && !is_space(text[start - 1]) && text[start - 1] != '(' && text[start - 1] != '"') --start;
  return text.substr(start, at - start);
}

/// A full stop at `at` that ends no sentence.
bool is_within_sentence(std::string_view text, Span span, std::size_t at, std::size_t next) {
  const auto word = word_before(text, span.begin, at);
  if (next < span.end && is_small(text[next])) return true;
  if (word.size() == 1 && is_capital(word[0])) return true;                    // an initial
  if (word.size() > 2 && word.contains('.') && word.size() <= 5) return true;  // e.g., i.e., U.S.
  if (std::ranges::binary_search(abbreviations, std::string_view(text::to_lower(word)))) return true;
  if (!word.empty() && std::ranges::all_of(word, is_digit)) {  // the number of a list's item
    auto before = at - word.size();
    while (before > span.begin && is_blank(text[before - 1])) --before;
    return before == span.begin || text[before - 1] == '\n';
  }
  return false;
}

/// Where the sentence goes on after closing quotes and brackets.
std::size_t after_closers(std::string_view text, Span span, std::size_t at) {
  while (at < span.end) {
    if (std::string_view(")]}\"'*_").contains(text[at])) {
      ++at;
    } else if (const auto wide = match_at(text.substr(0, span.end), at, wide_closers)) {
      at += wide;
    } else {
      break;
    }
  }
  return at;
}

std::size_t after_space(std::string_view text, std::size_t at, std::size_t end) {
  while (at < end && is_space(text[at])) ++at;
  return at;
}

/// The end of the sentence's mark at `at` (closers and white space with it), or 0 if no sentence ends there.
std::size_t sentence_end(std::string_view text, Span span, std::size_t at) {
  if (text[at] == '\n') {
    const auto next = after_space(text, at, span.end);
    return std::ranges::count(text.substr(at, next - at), '\n') > 1 ? next : 0;
  }
  const bool is_stop = text[at] == '.';
  auto mark = at;
  while (mark < span.end && std::string_view(".!?").contains(text[mark])) ++mark;
  const auto wide = mark == at ? match_at(text.substr(0, span.end), at, wide_ends) : 0;
  if (mark == at && wide == 0) return 0;
  const auto closed = after_closers(text, span, mark + wide);
  const auto next = after_space(text, closed, span.end);
  if (wide > 0) return next;  // no blank follows in Chinese and Japanese
  if (next == closed && next < span.end) return 0;
  return is_stop && mark == at + 1 && is_within_sentence(text, span, at, next) ? 0 : next;
}

}  // namespace

std::vector<Span> lines_of(std::string_view text, Span span) {
  std::vector<Span> out;
  while (span.begin < span.end) {
    const auto end = std::min(text.find('\n', span.begin), span.end - 1) + 1;
    out.push_back({span.begin, end});
    span.begin = end;
  }
  return out;
}

std::vector<Span> paragraphs_of(std::string_view text, Span span) {
  std::vector<Span> out;
  auto begin = span.begin;
  for (auto at = text.find('\n', begin); at < span.end; at = text.find('\n', at + 1)) {
    auto next = at + 1;
    while (next < span.end && is_blank(text[next])) ++next;
    if (next >= span.end || text[next] != '\n') continue;
    while (next < span.end && is_space(text[next])) ++next;
    while (next > at && text[next - 1] != '\n') --next;  // the next paragraph keeps its indentation
    out.push_back({begin, next});
    begin = next;
    at = next - 1;
  }
  if (begin < span.end) out.push_back({begin, span.end});
  return out;
}

std::vector<Span> sentences_of(std::string_view text, Span span) {
  std::vector<Span> out;
  auto begin = span.begin;
  for (auto at = begin; at < span.end;) {
    const auto end = may_end[static_cast<unsigned char>(text[at])] ? sentence_end(text, span, at) : 0;
    if (end > at) {
      out.push_back({begin, end});
      begin = at = end;
    } else {
      ++at;
    }
  }
  if (begin < span.end) out.push_back({begin, span.end});
  return out;
}

std::vector<Span> words_of(std::string_view text, Span span) {
  std::vector<Span> out;
  while (span.begin < span.end) {
    auto end = span.begin;
    while (end < span.end && !is_space(text[end])) ++end;
    end = after_space(text, end, span.end);
    out.push_back({span.begin, end});
    span.begin = end;
  }
  return out;
}

}  // namespace dspy::documents

namespace dspy {

std::vector<Chunk> sentences(std::string_view text) {
  std::vector<Chunk> out;
  for (const auto& span : documents::sentences_of(text, {0, text.size()}))
    out.push_back({.begin = span.begin, .end = span.end});
  return out;
}

}  // namespace dspy
