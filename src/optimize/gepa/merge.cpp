#include "optimize/gepa/merge.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace dspy::optimize {
namespace {

constexpr int most_attempts = 10;
constexpr std::size_t tried_rows = 5;

std::set<std::size_t> ancestors_of(std::span<const Individual> programs, std::size_t program) {
  std::set<std::size_t> found;
  std::vector<std::size_t> open = {program};
  while (!open.empty()) {
    const auto each = open.back();
    open.pop_back();
    for (const auto parent : programs[each].parents) {
      if (found.insert(parent).second) open.push_back(parent);
    }
  }
  return found;
}

/// One of both kept what the other one changed.
bool is_worth_it(const Individual& ancestor, const Individual& a, const Individual& b) {
  for (std::size_t i = 0; i < ancestor.instructions.size(); ++i) {
    const bool is_kept = ancestor.instructions[i] == a.instructions[i] || ancestor.instructions[i] == b.instructions[i];
    if (is_kept && a.instructions[i] != b.instructions[i]) return true;
  }
  return false;
}

}  // namespace

std::optional<Merger::Triplet> Merger::common_ancestor(std::span<const Individual> programs,
                                                       const std::vector<double>& means,
                                                       const std::vector<std::size_t>& candidates) {
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    if (candidates.size() < 2) return std::nullopt;
    const auto pair = random_.sample(candidates.size(), 2);
    auto first = candidates[pair[0]];
    auto second = candidates[pair[1]];
    if (second < first) std::swap(first, second);
    const auto before_first = ancestors_of(programs, first);
    const auto before_second = ancestors_of(programs, second);
    if (before_first.contains(second) || before_second.contains(first)) continue;
    std::vector<std::size_t> common;
    std::vector<double> weights;
    for (const auto each : before_first) {
      if (!before_second.contains(each) || done_.contains({first, second, each})) continue;
      if (means[each] > means[first] || means[each] > means[second]) continue;
      if (!is_worth_it(programs[each], programs[first], programs[second])) continue;
      common.push_back(each);
      weights.push_back(means[each]);
    }
    if (common.empty()) continue;
    if (std::accumulate(weights.begin(), weights.end(), 0.0) <= 0) weights.assign(weights.size(), 1);
    return Triplet(first, second, common[random_.weighted(weights)]);
  }
  return std::nullopt;
}

std::optional<Merge> Merger::find(std::span<const Individual> programs, const ParetoFront& front) {
  const auto candidates = front.dominators();
  if (candidates.size() < 2 || programs.size() < 3) return std::nullopt;
  const auto& means = front.means();
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const auto found = common_ancestor(programs, means, candidates);
    if (!found) continue;
    const auto [first, second, ancestor] = *found;
    const auto& a = programs[first];
    const auto& b = programs[second];
    Merge merge{.instructions = programs[ancestor].instructions, .parents = {first, second}, .ancestor = ancestor};
    std::vector<std::size_t> taken;
    for (std::size_t i = 0; i < merge.instructions.size(); ++i) {
      const auto& old = programs[ancestor].instructions[i];
      auto from = first;
      if (old == a.instructions[i] && a.instructions[i] != b.instructions[i]) {
        from = second;
      } else if (old != a.instructions[i] && old != b.instructions[i] && means[second] >= means[first]) {
        from = means[second] > means[first] ? second : (random_.below(2) == 0 ? first : second);
      }
      taken.push_back(from);
      merge.instructions[i] = programs[from].instructions[i];
    }
    // Fewer rows than a merge is tried on would say nothing.
    if (a.row_scores.size() < tried_rows) continue;
    if (!made_.insert({first, second, std::move(taken)}).second) continue;
    done_.insert(*found);
    return merge;
  }
  return std::nullopt;
}

std::vector<std::size_t> Merger::rows_for(const std::vector<double>& first, const std::vector<double>& second) {
  std::array<std::vector<std::size_t>, 3> buckets;
  for (std::size_t i = 0; i < first.size(); ++i)
    buckets[first[i] > second[i] ? 0 : (second[i] > first[i] ? 1 : 2)].push_back(i);
  std::vector<std::size_t> rows;
  for (const auto& bucket : buckets) {
    const auto count = std::min({bucket.size(), (tried_rows + 2) / 3, tried_rows - rows.size()});
    if (count == 0) continue;
    for (const auto each : random_.sample(bucket.size(), count)) rows.push_back(bucket[each]);
  }
  std::vector<std::size_t> unused;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (!std::ranges::contains(rows, i)) unused.push_back(i);
  }
  const auto left = tried_rows - rows.size();
  if (left > 0 && unused.size() >= left) {
    for (const auto each : random_.sample(unused.size(), left)) rows.push_back(unused[each]);
  }
  return rows;
}

}  // namespace dspy::optimize
