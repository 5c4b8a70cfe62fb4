#include "dspy/evaluate/overlap/overlap.hpp"
#include "evaluate/overlap/words.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

// TER (Snover et al. 2006).  The best shifts are looked for greedily and within limits, which are part of the measure:
// they are Tercom's, with the order of candidates that sacrebleu gives them.

namespace dspy::overlap {
namespace {

using Words = std::vector<unsigned>;

constexpr std::size_t longest_shift = 10;
constexpr std::size_t farthest_shift = 50;
constexpr std::size_t most_candidates = 1000;
constexpr std::size_t beam = 25;

enum class Step : std::uint8_t { none, same, other, only_hypothesis, only_reference };

/// Edit distance to a reference near the diagonal, with the steps that make it.  Rows of the hypothesis that are as
/// they were in the call before are kept.
class Distance {
 public:
  explicit Distance(const Words& reference) : reference_(reference), width_(reference.size() + 1) {}

  std::size_t operator()(const Words& hypothesis) {
    const bool keeps = !cells_.empty() && hypothesis.size() == last_.size();
    auto row = keeps ? static_cast<std::size_t>(std::ranges::mismatch(hypothesis, last_).in1 - hypothesis.begin()) : 0;
    if (!keeps) {
      cells_.assign((hypothesis.size() + 1) * width_, {});
      for (std::size_t j = 0; j < width_; ++j) cells_[j] = {.cost = j, .step = Step::only_reference};
    } else {
      std::fill(cells_.begin() + static_cast<std::ptrdiff_t>((row + 1) * width_), cells_.end(), Cell{});
    }
    last_ = hypothesis;
    const double ratio =
        hypothesis.empty() ? 1 : static_cast<double>(reference_.size()) / static_cast<double>(hypothesis.size());
    const auto reach =
        static_cast<double>(beam) < ratio / 2 ? static_cast<std::size_t>(std::ceil(ratio / 2 + beam)) : beam;
    while (++row <= hypothesis.size()) fill(hypothesis, row, ratio, reach);
    return cells_.back().cost;
  }

  /// The steps of the last call, from the start.
  std::vector<Step> steps() const {
    std::vector<Step> out;
    for (std::size_t i = last_.size(), j = reference_.size(); i > 0 || j > 0;) {
      const auto step = cells_[i * width_ + j].step;
      out.push_back(step);
      if (step != Step::only_reference) --i;
      if (step != Step::only_hypothesis) --j;
    }
    std::ranges::reverse(out);
    return out;
  }

 private:
  struct Cell {
    std::size_t cost = std::numeric_limits<std::size_t>::max() / 2;
    Step step = Step::none;
  };

  void fill(const Words& hypothesis, std::size_t i, double ratio, std::size_t reach) {
    const auto diagonal = static_cast<std::size_t>(std::floor(static_cast<double>(i) * ratio));
    const auto first = diagonal - std::min(diagonal, reach);
    const auto end = i == hypothesis.size() ? width_ : std::min(width_, diagonal + reach);
    for (auto j = first; j < end; ++j) {
      auto& cell = cells_[i * width_ + j];
      const auto& above = cells_[(i - 1) * width_ + j];
      if (j == 0) {
        cell = {.cost = above.cost + 1, .step = Step::only_hypothesis};
        continue;
      }
      const bool is_same = hypothesis[i - 1] == reference_[j - 1];
      const auto take = [&](std::size_t cost, Step step) {
        if (cost < cell.cost) cell = {.cost = cost, .step = step};
      };
      take(cells_[(i - 1) * width_ + j - 1].cost + (is_same ? 0 : 1), is_same ? Step::same : Step::other);
      take(above.cost + 1, Step::only_hypothesis);
      take(cells_[i * width_ + j - 1].cost + 1, Step::only_reference);
    }
  }

  const Words& reference_;
  std::size_t width_;
  Words last_;
  std::vector<Cell> cells_;
};

/// Which words are aligned, and which are wrong.
struct Alignment {
  std::map<std::size_t, std::ptrdiff_t> hypothesis_of = {};  ///< -1: before the first.
  std::vector<bool> wrong_reference = {};
  std::vector<bool> wrong_hypothesis = {};

  explicit Alignment(const std::vector<Step>& steps) {
    std::ptrdiff_t hypothesis = -1;
    for (const auto step : steps) {
      const bool is_wrong = step != Step::same;
      if (step != Step::only_reference) {
        ++hypothesis;
        wrong_hypothesis.push_back(is_wrong);
      }
      if (step != Step::only_hypothesis) {
        hypothesis_of[wrong_reference.size()] = hypothesis;
        wrong_reference.push_back(is_wrong);
      }
    }
  }
};

Words shifted(const Words& words, std::size_t start, std::size_t length, std::size_t target) {
  Words out = words;
  const auto at = [&](std::size_t i) { return out.begin() + static_cast<std::ptrdiff_t>(i); };
  if (target < start) {
    std::rotate(at(target), at(start), at(start + length));
  } else if (target > start + length) {
    std::rotate(at(start), at(start + length), at(target));
  } else {  // into itself: it moves on by as many words
    const auto end = std::min(length + target, out.size());
    std::rotate(at(start), at(start + length), at(std::max(end, start + length)));
  }
  return out;
}

bool any_of(const std::vector<bool>& flags, std::size_t begin, std::size_t length) {
  for (auto i = begin; i < std::min(begin + length, flags.size()); ++i)
    if (flags[i]) return true;
  return false;
}

/// The best shift, if one was tried.
class ShiftSearch {
 public:
  ShiftSearch(const Words& reference, Distance& distance) : reference_(reference), distance_(distance) {}

  /// Moves words as long as it pays; how often it did.
  std::size_t improve(Words& hypothesis) {
    for (std::size_t shifts = 0;; ++shifts) {
      best_.reset();
      try_all(hypothesis);
      if (tried_ >= most_candidates || !best_ || std::get<0>(best_->first) <= 0) return shifts;
      hypothesis = best_->second;
    }
  }

 private:
  using Rank = std::tuple<std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t>;

  void try_all(const Words& hypothesis) {
    before_ = static_cast<std::ptrdiff_t>(distance_(hypothesis));
    const Alignment alignment(distance_.steps());
    for (std::size_t h = 0; h < hypothesis.size(); ++h) {
      for (std::size_t r = 0; r < reference_.size(); ++r) {
        if ((r > h ? r - h : h - r) > farthest_shift) continue;
        for (std::size_t length = 1;
             length <= longest_shift && h + length <= hypothesis.size() && r + length <= reference_.size() &&
             hypothesis[h + length - 1] == reference_[r + length - 1];
             ++length) {
          try_one(hypothesis, alignment, h, r, length);
          if (tried_ >= most_candidates) return;
        }
      }
    }
  }

  void try_one(const Words& hypothesis, const Alignment& alignment, std::size_t h, std::size_t r, std::size_t length) {
    if (!any_of(alignment.wrong_hypothesis, h, length) || !any_of(alignment.wrong_reference, r, length)) return;
    const auto across = alignment.hypothesis_of.at(r);
    const auto start = static_cast<std::ptrdiff_t>(h);
    if (across >= start && across < start + static_cast<std::ptrdiff_t>(length)) return;
    std::ptrdiff_t last = -1;
    for (std::size_t offset = 0; offset <= length; ++offset) {  // before the place, and after each of its words
      std::ptrdiff_t target = 0;
      if (r + offset > 0) {
        const auto found = alignment.hypothesis_of.find(r + offset - 1);
        if (found == alignment.hypothesis_of.end()) return;
        target = found->second + 1;
      }
      if (target == last) continue;
      last = target;
      auto moved = shifted(hypothesis, h, length, static_cast<std::size_t>(target));
      const Rank rank{before_ - static_cast<std::ptrdiff_t>(distance_(moved)), static_cast<std::ptrdiff_t>(length),
                      -start, -target};
      ++tried_;
      if (!best_ || rank > best_->first) best_.emplace(rank, std::move(moved));
    }
  }

  const Words& reference_;
  Distance& distance_;
  std::ptrdiff_t before_ = 0;
  std::size_t tried_ = 0;
  std::optional<std::pair<Rank, Words>> best_;
};

std::size_t edits(Words hypothesis, const Words& reference) {
  if (reference.empty()) return hypothesis.size();
  Distance distance(reference);
  const auto shifts = ShiftSearch(reference, distance).improve(hypothesis);
  return shifts + distance(hypothesis);
}

}  // namespace

double ter(std::span<const std::string> hypotheses, std::span<const References> references, bool case_sensitive) {
  require_pairs(hypotheses, references);
  double all_edits = 0, all_length = 0;
  const auto cased = [&](const std::string& text) { return case_sensitive ? text : lowered(text); };
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    const auto text = cased(hypotheses[i]);
    std::optional<std::size_t> best;
    double length = 0;
    for (const auto& each : references[i]) {
      const auto other = cased(each);
      Vocabulary vocabulary;
      const auto mine = vocabulary(split_words(text)), theirs = vocabulary(split_words(other));
      const auto needed = edits(mine, theirs);
      best = best ? std::min(*best, needed) : needed;
      length += static_cast<double>(theirs.size());
    }
    all_edits += static_cast<double>(*best);
    all_length += length / static_cast<double>(references[i].size());
  }
  if (all_length > 0) return 100 * all_edits / all_length;
  return all_edits > 0 ? 100 : 0;
}

}  // namespace dspy::overlap
