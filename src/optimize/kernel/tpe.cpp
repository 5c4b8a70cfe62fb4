#include "dspy/optimize/kernel/tpe.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

namespace dspy::optimize {
namespace {

using Point = TpeSampler::Point;

constexpr std::size_t full_weights = 25;  ///< As many of the newest observations count in full.

/// In [0, 1), as NumPy draws it from the same generator.
double uniform(std::mt19937& source) {
  const auto high = static_cast<double>(source() >> 5);
  const auto low = static_cast<double>(source() >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

/// In the order in which NumPy adds up to 128 numbers, since ties are decided by last bits.
double sum_of(std::span<const double> values) {
  if (values.size() < 8) return std::accumulate(values.begin(), values.end(), 0.0);
  std::array<double, 8> lanes = {};
  std::copy_n(values.begin(), 8, lanes.begin());
  std::size_t i = 8;
  for (; i + 8 <= values.size(); i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += values[i + lane];
  }
  double sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  for (; i < values.size(); ++i) sum += values[i];
  return sum;
}

void normalize(std::vector<double>& values) {
  const double sum = sum_of(values);
  for (auto& value : values) value /= sum;
}

/// Older observations count less, once there are many; the last weight is the prior's.
std::vector<double> weights_of(std::size_t observations) {
  std::vector<double> weights(observations, 1.0);
  if (observations > full_weights) {
    const auto old = observations - full_weights;
    const double least = 1.0 / static_cast<double>(observations);
    const double step = old > 1 ? (1.0 - least) / static_cast<double>(old - 1) : 0.0;
    for (std::size_t i = 0; i < old; ++i) weights[i] = static_cast<double>(i) * step + least;
    if (old > 1) weights[old - 1] = 1.0;
  }
  weights.push_back(1.0);
  normalize(weights);
  return weights;
}

/// A mixture of a kernel for each observation and a uniform one: how likely points are, by a group of trials.
class Mixture {
 public:
  Mixture(std::span<const Point* const> points, std::span<const std::size_t> order,
          std::span<const std::size_t> choices)
      : weights_(weights_of(points.size())), order_(order) {
    const auto kernels = static_cast<double>(points.size() + 1);
    for (const auto dimension : order) {
      std::vector<std::vector<double>> rows(points.size() + 1, std::vector<double>(choices[dimension], 1.0 / kernels));
      for (std::size_t i = 0; i < points.size(); ++i) rows[i][(*points[i])[dimension]] += 1;
      for (auto& row : rows) normalize(row);
      rows_.push_back(std::move(rows));
    }
  }

  /// `count` points; dimensions outside `order` stay 0.
  std::vector<Point> draw(std::mt19937& source, std::size_t count, std::size_t dimensions) const {
    std::vector<double> cumulative(weights_.size());
    std::partial_sum(weights_.begin(), weights_.end(), cumulative.begin());
    for (auto& each : cumulative) each /= cumulative.back();
    std::vector<std::size_t> kernels(count);
    for (auto& kernel : kernels) {
      kernel = static_cast<std::size_t>(std::ranges::upper_bound(cumulative, uniform(source)) - cumulative.begin());
    }
    std::vector<Point> points(count, Point(dimensions, 0));
    for (std::size_t d = 0; d < order_.size(); ++d) {
      for (std::size_t i = 0; i < count; ++i) points[i][order_[d]] = choice(rows_[d][kernels[i]], uniform(source));
    }
    return points;
  }

  double log_likelihood(const Point& point) const {
    std::vector<double> logs(weights_.size(), 0.0);
    for (std::size_t d = 0; d < order_.size(); ++d) {
      for (std::size_t i = 0; i < logs.size(); ++i) logs[i] += std::log(rows_[d][i][point[order_[d]]]);
    }
    for (std::size_t i = 0; i < logs.size(); ++i) logs[i] += std::log(weights_[i]);
    const double most = *std::ranges::max_element(logs);
    for (auto& each : logs) each = std::exp(each - most);
    return std::log(sum_of(logs)) + most;
  }

 private:
  static std::size_t choice(std::span<const double> row, double drawn) {
    double sum = 0;
    std::size_t below = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      sum += row[i];
      if ((i + 1 == row.size() ? 1.0 : sum) < drawn) ++below;
    }
    return below;
  }

  std::vector<double> weights_;
  std::span<const std::size_t> order_;
  std::vector<std::vector<std::vector<double>>> rows_;  ///< By dimension of `order_`, kernel and choice.
};

}  // namespace

TpeSampler::TpeSampler(std::vector<Dimension> space, std::uint32_t seed)
    : space_(std::move(space)), blind_(seed), drawn_(seed) {
  for (std::size_t i = 0; i < space_.size(); ++i) {
    if (space_[i].choices == 0) {
      throw Error(Errc::invalid_parameter,
                  std::format("the dimension `{}` of the search has nothing to choose from", space_[i].name));
    }
    if (space_[i].choices > 1) order_.push_back(i);
  }
  std::ranges::sort(order_, {}, [&](std::size_t i) -> const std::string& { return space_[i].name; });
}

Point TpeSampler::draw_blindly() {
  Point point(space_.size(), 0);
  for (std::size_t i = 0; i < space_.size(); ++i) {
    if (space_[i].choices == 1) continue;
    double most = -1;
    for (std::size_t choice = 0; choice < space_[i].choices; ++choice) {
      const double drawn = uniform(blind_);
      if (drawn <= most) continue;
      most = drawn;
      point[i] = choice;
    }
  }
  return point;
}

Point TpeSampler::suggest() {
  if (trials_.size() < startup_trials) return draw_blindly();

  std::vector<std::size_t> ranked(trials_.size());
  std::iota(ranked.begin(), ranked.end(), std::size_t{0});
  std::ranges::stable_sort(ranked, std::ranges::greater(), [&](std::size_t i) { return trials_[i].value; });
  const auto good = std::min<std::size_t>((trials_.size() + 9) / 10, full_weights);
  std::sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(good));
  std::sort(ranked.begin() + static_cast<std::ptrdiff_t>(good), ranked.end());
  std::vector<const Point*> points(ranked.size());
  std::ranges::transform(ranked, points.begin(), [&](std::size_t i) { return &trials_[i].point; });
  std::vector<std::size_t> choices(space_.size());
  std::ranges::transform(space_, choices.begin(), &Dimension::choices);
  const std::span<const Point* const> all(points);
  const Mixture better(all.first(good), order_, choices);
  const Mixture worse(all.subspan(good), order_, choices);

  auto drawn = better.draw(drawn_, drawn_candidates, space_.size());
  std::size_t best = 0;
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const double gain = better.log_likelihood(drawn[i]) - worse.log_likelihood(drawn[i]);
    if (gain <= most) continue;
    most = gain;
    best = i;
  }
  return std::move(drawn[best]);
}

void TpeSampler::record(Point point, double value) {
  const auto is_inside = [&] {
    if (point.size() != space_.size()) return false;
    for (std::size_t i = 0; i < point.size(); ++i) {
      if (point[i] >= space_[i].choices) return false;
    }
    return true;
  };
  if (!is_inside()) throw Error(Errc::invalid_parameter, "a point was recorded that is not in the space of the search");
  if (!std::isfinite(value))
    throw Error(Errc::invalid_parameter, "a point of the search was given a value that is not a number");
  trials_.push_back({std::move(point), value});
}

}  // namespace dspy::optimize
