#include "dspy/retrieve/fusion.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// What a list's scores are spread over.
struct Range {
  double low = 0;
  double high = 0;

  double place(double score) const {
    // A list of equal scores says that all of them are found, and nothing more.
    return high > low ? std::clamp((score - low) / (high - low), 0.0, 1.0) : 1;
  }
};

Range spread(const std::vector<Hit>& list) {
  const auto [low, high] = std::ranges::minmax_element(list, {}, &Hit::score);
  return {low->score, high->score};
}

Range deviations(const std::vector<Hit>& list) {
  const auto count = static_cast<double>(list.size());
  double mean = 0, square = 0;
  for (const auto& hit : list) mean += hit.score / count;
  for (const auto& hit : list) square += (hit.score - mean) * (hit.score - mean);
  if (list.size() < 2 || square == 0) return {};
  const double deviation = std::sqrt(square / (count - 1));
  return {mean - 3 * deviation, mean + 3 * deviation};
}

std::vector<double> contributions(const std::vector<Hit>& list, double weight, const FusionOptions& options) {
  std::vector<double> out;
  if (list.empty()) return out;
  const auto range = options.method == Fusion::weighted ? spread(list) : deviations(list);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (options.method == Fusion::reciprocal_ranks) {
      out.push_back(weight / (options.constant + static_cast<double>(i + 1)));
    } else {
      out.push_back(weight * range.place(list[i].score));
    }
  }
  return out;
}

void check(const FusionOptions& options, std::size_t lists) {
  if (!options.weights.empty() && options.weights.size() != lists)
    throw Error(Errc::invalid_parameter,
                std::format("{} weights for {} lists; give one for each", options.weights.size(), lists));
  for (const double weight : options.weights)
    if (!(weight >= 0) || std::isinf(weight))
      throw Error(Errc::invalid_parameter, std::format("the weight {} of a list must be 0 or more", weight));
  if (!(options.constant > -1) || std::isinf(options.constant))
    throw Error(Errc::invalid_parameter,
                std::format("the constant {} of reciprocal ranks must be 0 or more", options.constant));
}

}  // namespace

std::vector<Hit> fuse(std::vector<std::vector<Hit>> lists, const FusionOptions& options) {
  check(options, lists.size());
  std::vector<Hit> out;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t which = 0; which < lists.size(); ++which) {
    auto& list = lists[which];
    const auto adds = contributions(list, options.weights.empty() ? 1 : options.weights[which], options);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto [place, is_new] = places.try_emplace(list[i].passage.id, out.size());
      if (is_new) {
        out.push_back(std::move(list[i]));
        out.back().score = adds[i];
        continue;
      }
      auto& hit = out[place->second];
      hit.score += adds[i];
      std::ranges::move(list[i].parts, std::back_inserter(hit.parts));
    }
  }
  std::ranges::sort(out, [](const Hit& a, const Hit& b) {
    return a.score != b.score ? a.score > b.score : a.passage.id < b.passage.id;
  });
  return out;
}

}  // namespace dspy
