#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace dspy {

/// An optimizer whose type is forgotten.
using AnyOptimizer = std::function<Optimized(const Program& student, const Training& training)>;

template <Optimizer T>
AnyOptimizer any_optimizer(T optimizer) {
  return [optimizer = std::move(optimizer)](const Program& student, const Training& training) {
    return optimizer.compile(student, training);
  };
}

struct BetterTogetherOptions {
  Metric metric;
  std::map<std::string, AnyOptimizer> optimizers = {};  ///< By the letter or name that the strategy calls them.
  std::string strategy = "p -> w -> p";
  double valset_ratio = 0.1;  ///< Of the training set, where there is no validation set.
  bool shuffle_trainset_between_steps = true;
  std::uint64_t seed = 0;
};

/// Applies optimizers one after the other, each to what the one before made, and returns the best stage by the
/// validation set, the program as it was included.  All stages share one budget; a checkpoint has a file for each
/// (`NAME.1`, `NAME.2`, …).
class BetterTogether {
 public:
  /// Throws `Error` (`invalid_parameter`) for a strategy that names an optimizer that is not there.
  explicit BetterTogether(BetterTogetherOptions options);
  Optimized compile(const Program& student, const Training& training) const;

 private:
  BetterTogetherOptions options_;
  std::vector<std::string> stages_;
};

}  // namespace dspy
