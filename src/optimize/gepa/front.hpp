#pragma once

#include "dspy/optimize/kernel/python_random.hpp"

#include <cstddef>
#include <set>
#include <span>
#include <vector>

namespace dspy::optimize {

/// The programs that are the best on each validation example.
class ParetoFront {
 public:
  /// Programs come in the order of their numbers, from 0.
  void add(const std::vector<double>& row_scores);

  const std::vector<std::set<std::size_t>>& by_example() const noexcept { return best_; }
  /// Means, by program.
  const std::vector<double>& means() const noexcept { return means_; }
  /// The fronts without programs that others make superfluous: on each example of theirs, another one is as good.
  std::vector<std::set<std::size_t>> without_dominated() const;
  /// The programs on those fronts.
  std::vector<std::size_t> dominators() const;
  /// One of them, as likely as the number of examples that it is the best on.
  std::size_t draw(PythonRandom& random) const;
  std::size_t best() const;

 private:
  std::vector<std::set<std::size_t>> best_;
  std::vector<double> best_scores_;
  std::vector<double> means_;
};

/// Training examples in shuffled epochs; an epoch that minibatches do not divide is filled up with its last ones.
class EpochSampler {
 public:
  EpochSampler(std::size_t examples, std::size_t size, PythonRandom& random)
      : examples_(examples), size_(size), random_(random) {}
  /// The minibatch of that iteration, from 0.
  std::vector<std::size_t> minibatch(std::size_t iteration);

 private:
  void begin_epoch();

  std::size_t examples_;
  std::size_t size_;
  PythonRandom& random_;
  std::vector<std::size_t> order_;
  std::size_t epoch_ = 0;
};

}  // namespace dspy::optimize
