#include "dspy/base/error.hpp"
#include "dspy/evaluate/overlap/overlap.hpp"
#include "evaluate/overlap/words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// ROUGE (Lin 2004) as Google's rouge_score has it.

namespace dspy::overlap {
namespace {

using Words = std::vector<unsigned>;

/// Lower-case ASCII letters and digits; everything else parts words.
std::vector<std::string> tokens(std::string_view text, bool stems) {
  std::vector<std::string> out;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) out.push_back(stems && word.size() > 3 ? porter_stem(word) : word);
    word.clear();
  };
  for (const char c : lowered(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else {
      end_word();
    }
  }
  end_word();
  return out;
}

/// A text's words as numbers that both texts share.
class Numbers {
 public:
  Words operator()(std::string_view text, bool stems) {
    Words out;
    for (auto& word : tokens(text, stems))
      out.push_back(numbers_.try_emplace(std::move(word), static_cast<unsigned>(numbers_.size())).first->second);
    return out;
  }

 private:
  std::map<std::string, unsigned, std::less<>> numbers_;
};

Rouge scored(std::size_t both, std::size_t reference, std::size_t hypothesis) {
  Rouge out{.precision = static_cast<double>(both) / static_cast<double>(std::max<std::size_t>(hypothesis, 1)),
            .recall = static_cast<double>(both) / static_cast<double>(std::max<std::size_t>(reference, 1))};
  if (out.precision + out.recall > 0) out.f1 = 2 * out.precision * out.recall / (out.precision + out.recall);
  return out;
}

/// Lengths of the longest common subsequences of all starts of both.
class Lcs {
 public:
  Lcs(const Words& a, const Words& b) : a_(a), b_(b), width_(b.size() + 1), cells_((a.size() + 1) * width_) {
    for (std::size_t i = 1; i <= a.size(); ++i)
      for (std::size_t j = 1; j <= b.size(); ++j)
        cells_[i * width_ + j] = a[i - 1] == b[j - 1] ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
  }

  std::size_t length() const { return cells_.back(); }

  /// The places of its words in `a`.
  void add_places(std::set<std::size_t>& out) const {
    for (std::size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
      if (a_[i - 1] == b_[j - 1]) {
        out.insert(i - 1);
        --i;
        --j;
      } else if (at(i, j - 1) > at(i - 1, j)) {
        --j;
      } else {
        --i;
      }
    }
  }

 private:
  unsigned at(std::size_t i, std::size_t j) const { return cells_[i * width_ + j]; }

  const Words& a_;
  const Words& b_;
  std::size_t width_;
  std::vector<unsigned> cells_;
};

std::vector<Words> lines(std::string_view text, bool stems, Numbers& numbers) {
  std::vector<Words> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) out.push_back(numbers(text.substr(0, end), stems));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::map<unsigned, std::size_t> counts(const std::vector<Words>& lines, std::size_t& total) {
  std::map<unsigned, std::size_t> out;
  for (const auto& line : lines)
    for (const auto word : line) {
      ++out[word];
      ++total;
    }
  return out;
}

}  // namespace

Rouge rouge_n(std::string_view reference, std::string_view hypothesis, std::size_t n, bool stems) {
  if (n == 0) throw Error(Errc::invalid_parameter, "ROUGE of 0-grams is not defined; ask for 1 or more");
  Numbers numbers;
  const auto gold = numbers(reference, stems), made = numbers(hypothesis, stems);
  const Grams mine(made, n);
  const std::array theirs{Grams(gold, n)};
  return scored(mine.common_with(theirs), theirs[0].total(), mine.total());
}

Rouge rouge_l(std::string_view reference, std::string_view hypothesis, bool stems) {
  Numbers numbers;
  const auto gold = numbers(reference, stems), made = numbers(hypothesis, stems);
  if (gold.empty() || made.empty()) return {};
  return scored(Lcs(gold, made).length(), gold.size(), made.size());
}

Rouge rouge_lsum(std::string_view reference, std::string_view hypothesis, bool stems) {
  Numbers numbers;
  const auto gold = lines(reference, stems, numbers), made = lines(hypothesis, stems, numbers);
  std::size_t golds = 0, mades = 0;
  auto left_of_gold = counts(gold, golds), left_of_made = counts(made, mades);
  if (golds == 0 || mades == 0) return {};
  std::size_t both = 0;
  for (const auto& line : gold) {
    std::set<std::size_t> places;
    for (const auto& other : made) Lcs(line, other).add_places(places);
    for (const auto place : places) {
      auto& of_gold = left_of_gold[line[place]];
      auto& of_made = left_of_made[line[place]];
      if (of_gold == 0 || of_made == 0) continue;  // no word counts twice
      --of_gold;
      --of_made;
      ++both;
    }
  }
  return scored(both, golds, mades);
}

}  // namespace dspy::overlap
