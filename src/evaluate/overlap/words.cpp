#include "evaluate/overlap/words.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/unicode.hpp"
#include "dspy/evaluate/overlap/overlap.hpp"

#include <algorithm>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <format>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::overlap {
namespace {

/// The bytes of the white space at the start of `text`, or 0.
std::size_t space_at(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return text::is_space(static_cast<char32_t>(first)) ? 1 : 0;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (length > text.size() || length == 4) return 0;
  const auto points = text::code_points(text.substr(0, length));
  return points.size() == 1 && text::is_space(points[0]) ? length : 0;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0, at = 0;
  while (at < text.size()) {
    const auto space = space_at(text.substr(at));
    if (space == 0) {
      ++at;
      continue;
    }
    if (at > begin) out.push_back(text.substr(begin, at - begin));
    at += space;
    begin = at;
  }
  if (at > begin) out.push_back(text.substr(begin));
  return out;
}

void require_pairs(std::span<const std::string> hypotheses, std::span<const References> references) {
  if (hypotheses.empty()) throw Error(Errc::bad_input, "there is no text to compare");
  if (hypotheses.size() != references.size())
    throw Error(Errc::bad_input, std::format("{} texts and references for {} do not belong together", hypotheses.size(),
                                             references.size()));
  for (std::size_t i = 0; i < references.size(); ++i)
    if (references[i].empty()) throw Error(Errc::bad_input, std::format("text {} has no reference", i));
}

std::string lowered(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return text::to_lower(text);
  return text::to_utf8(text::to_lower(text::code_points(text)));
}

std::vector<unsigned> Vocabulary::operator()(const std::vector<std::string_view>& words) {
  std::vector<unsigned> out;
  out.reserve(words.size());
  for (const auto word : words)
    out.push_back(numbers_.try_emplace(word, static_cast<unsigned>(numbers_.size())).first->second);
  return out;
}

std::vector<unsigned> Alphabet::operator()(std::string_view text) {
  std::vector<unsigned> out;
  out.reserve(text.size());
  for (const auto word : split_words(text)) {
    if (std::ranges::all_of(word, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
      for (const char c : word) out.push_back(number_of(static_cast<char32_t>(c)));
    } else {
      for (const auto letter : text::code_points(word)) out.push_back(number_of(letter));
    }
  }
  return out;
}

unsigned Alphabet::number_of(char32_t letter) {
  auto& known = letter < ascii_.size() ? ascii_[letter] : others_[letter];
  if (known == 0) known = ++next_;
  return known - 1;
}

Grams::Grams(std::span<const unsigned> text, std::size_t n, Order order) : text_(text), n_(n) {
  if (total() == 0) return;
  const auto bits = static_cast<unsigned>(64 / n_);
  has_keys_ = order == Order::found && bits > 0 && total() < std::numeric_limits<std::uint32_t>::max() &&
              (bits >= 32 || std::ranges::max(text_) < (std::uint64_t{1} << bits));
  has_keys_ ? count_keys(bits) : sort_spans();
}

std::size_t Grams::slot_of(std::uint64_t key) const noexcept {
  constexpr std::uint64_t mixing = 0x9E37'79B9'7F4A'7C15;
  auto slot = static_cast<std::size_t>((key * mixing) >> shift_);
  while (slots_[slot] != 0 && grams_[slots_[slot] - 1].key != key) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void Grams::count_keys(unsigned bits) {
  slots_.resize(std::bit_ceil(2 * total()));
  shift_ = 64 - static_cast<unsigned>(std::bit_width(slots_.size() - 1));
  grams_.reserve(total());
  const auto width = bits * n_;
  const auto mask = width < 64 ? (std::uint64_t{1} << width) - 1 : ~std::uint64_t{0};
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < text_.size(); ++i) {
    key = ((bits < 64 ? key << bits : 0) | text_[i]) & mask;
    if (i + 1 < n_) continue;
    auto& slot = slots_[slot_of(key)];
    if (slot == 0) {
      grams_.push_back({.key = key, .begin = i + 1 - n_, .count = 0});
      slot = static_cast<std::uint32_t>(grams_.size());
    }
    ++grams_[slot - 1].count;
  }
}

void Grams::sort_spans() {
  std::vector<std::size_t> begins(total());
  std::iota(begins.begin(), begins.end(), std::size_t{0});
  const auto gram = [&](std::size_t begin) { return text_.subspan(begin, n_); };
  std::ranges::sort(
      begins, [&](std::size_t a, std::size_t b) { return std::ranges::lexicographical_compare(gram(a), gram(b)); });
  for (const auto begin : begins) {
    if (!grams_.empty() && std::ranges::equal(at(grams_.back()), gram(begin))) {
      ++grams_.back().count;
    } else {
      grams_.push_back({.begin = begin, .count = 1});
    }
  }
}

void Grams::best_by_keys(const Grams& other, std::vector<std::size_t>& best) const {
  if (slots_.empty()) return;
  for (const auto& gram : other.grams_)
    if (const auto place = slots_[slot_of(gram.key)]; place != 0)
      best[place - 1] = std::max(best[place - 1], gram.count);
}

/// Both are sorted.
void Grams::best_by_spans(const Grams& other, std::vector<std::size_t>& best) const {
  std::size_t j = 0;
  for (std::size_t i = 0; i < grams_.size() && j < other.grams_.size();) {
    const auto mine = at(grams_[i]), theirs = other.at(other.grams_[j]);
    const auto order = std::lexicographical_compare_three_way(mine.begin(), mine.end(), theirs.begin(), theirs.end());
    if (std::is_eq(order)) best[i] = std::max(best[i], other.grams_[j].count);
    if (std::is_lteq(order)) ++i;
    if (std::is_gteq(order)) ++j;
  }
}

std::size_t Grams::common_with(std::span<const Grams> others) const {
  const auto has_keys = [](const Grams& each) { return each.has_keys_ || each.grams_.empty(); };
  if (has_keys_ && !std::ranges::all_of(others, has_keys)) return Grams(text_, n_, Order::sorted).common_with(others);
  std::vector<std::size_t> best(grams_.size());
  for (const auto& other : others) {
    if (has_keys_) {
      best_by_keys(other, best);
    } else if (other.has_keys_) {
      best_by_spans(Grams(other.text_, n_, Order::sorted), best);
    } else {
      best_by_spans(other, best);
    }
  }
  std::size_t sum = 0;
  for (std::size_t i = 0; i < grams_.size(); ++i) sum += std::min(best[i], grams_[i].count);
  return sum;
}

}  // namespace dspy::overlap
