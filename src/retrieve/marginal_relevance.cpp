#include "dspy/base/error.hpp"
#include "dspy/retrieve/fusion.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace dspy {
namespace {

double cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size())
    throw Error(Errc::invalid_parameter,
                std::format("vectors of {} and of {} numbers cannot be compared", a.size(), b.size()));
  double product = 0, length_a = 0, length_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += double{a[i]} * double{b[i]};
    length_a += double{a[i]} * double{a[i]};
    length_b += double{b[i]} * double{b[i]};
  }
  const double lengths = std::sqrt(length_a * length_b);
  return lengths == 0 ? 0 : product / lengths;
}

}  // namespace

std::vector<std::size_t> marginal_relevance(std::span<const float> query,
                                            const std::vector<std::vector<float>>& candidates, std::size_t k,
                                            double balance) {
  if (!(balance >= 0 && balance <= 1))
    throw Error(Errc::invalid_parameter, std::format("the balance {} must be from 0 to 1", balance));
  std::vector<double> nearness;
  for (const auto& candidate : candidates) nearness.push_back(cosine(query, candidate));
  std::vector<double> likeness(candidates.size(), -std::numeric_limits<double>::infinity());
  std::vector<std::size_t> left(candidates.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  std::vector<std::size_t> picked;
  while (!left.empty() && picked.size() < k) {
    const auto worth = [&](std::size_t i) {
      return picked.empty() ? nearness[i] : balance * nearness[i] - (1 - balance) * likeness[i];
    };
    const auto best = std::ranges::max_element(left, {}, worth);
    picked.push_back(*best);
    left.erase(best);
    for (const auto i : left) likeness[i] = std::max(likeness[i], cosine(candidates[i], candidates[picked.back()]));
  }
  return picked;
}

}  // namespace dspy
