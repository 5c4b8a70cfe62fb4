#include "optimize/gepa/front.hpp"

#include <algorithm>
#include <numeric>

namespace dspy::optimize {

void ParetoFront::add(const std::vector<double>& row_scores) {
  const auto number = means_.size();
  means_.push_back(std::accumulate(row_scores.begin(), row_scores.end(), 0.0) / static_cast<double>(row_scores.size()));
  if (best_.empty()) {
    best_.resize(row_scores.size());
    best_scores_ = row_scores;
  }
  for (std::size_t i = 0; i < row_scores.size(); ++i) {
    if (row_scores[i] > best_scores_[i]) {
      best_scores_[i] = row_scores[i];
      best_[i].clear();
    }
    if (row_scores[i] >= best_scores_[i]) best_[i].insert(number);
  }
}

std::vector<std::set<std::size_t>> ParetoFront::without_dominated() const {
  std::vector<std::size_t> programs;
  for (const auto& front : best_) {
    for (const auto program : front) {
      if (!std::ranges::contains(programs, program)) programs.push_back(program);
    }
  }
  std::ranges::stable_sort(programs, {}, [&](std::size_t program) { return means_[program]; });
  std::set<std::size_t> left(programs.begin(), programs.end());
  const auto is_superfluous = [&](std::size_t program) {
    return std::ranges::all_of(best_, [&](const std::set<std::size_t>& front) {
      return !front.contains(program) ||
             std::ranges::any_of(front, [&](std::size_t other) { return other != program && left.contains(other); });
    });
  };
  for (bool is_changed = true; is_changed;) {
    is_changed = false;
    for (const auto program : programs) {
      if (!left.contains(program) || !is_superfluous(program)) continue;
      left.erase(program);
      is_changed = true;
      break;
    }
  }
  auto fronts = best_;
  for (auto& front : fronts) std::erase_if(front, [&](std::size_t program) { return !left.contains(program); });
  return fronts;
}

std::vector<std::size_t> ParetoFront::dominators() const {
  std::set<std::size_t> all;
  for (const auto& front : without_dominated()) all.insert(front.begin(), front.end());
  return {all.begin(), all.end()};
}

std::size_t ParetoFront::draw(PythonRandom& random) const {
  std::vector<std::pair<std::size_t, std::size_t>> counts;
  for (const auto& front : without_dominated()) {
    for (const auto program : front) {
      const auto at = std::ranges::find(counts, program, &std::pair<std::size_t, std::size_t>::first);
      if (at == counts.end())
        counts.emplace_back(program, 1);
      else
        ++at->second;
    }
  }
  std::vector<std::size_t> lots;
  for (const auto& [program, count] : counts) lots.insert(lots.end(), count, program);
  return lots[static_cast<std::size_t>(random.below(lots.size()))];
}

std::size_t ParetoFront::best() const {
  return static_cast<std::size_t>(std::ranges::max_element(means_) - means_.begin());
}

void EpochSampler::begin_epoch() {
  order_.resize(examples_);
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  random_.shuffle(order_);
  // Filled up from its end, backwards.
  for (std::size_t i = 0; order_.size() % size_ != 0; ++i) order_.push_back(order_[examples_ - 1 - i % examples_]);
}

std::vector<std::size_t> EpochSampler::minibatch(std::size_t iteration) {
  const auto first = iteration * size_;
  if (order_.empty() || first / order_.size() > epoch_) {
    if (!order_.empty()) epoch_ = first / order_.size();
    begin_epoch();
  }
  const auto at = order_.begin() + static_cast<std::ptrdiff_t>(first % order_.size());
  return {at, at + static_cast<std::ptrdiff_t>(size_)};
}

}  // namespace dspy::optimize
