#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace dspy::optimize {

/// Chooses the next point of a space of categories by what earlier points were worth: a tree-structured Parzen
/// estimator (Bergstra et al. 2011) over all dimensions together.  Higher values are better.  For the same seed and
/// values it chooses what Optuna's `TPESampler(seed, multivariate=True)` chooses, up to the last bit of its logarithms.
///
/// A state machine: it evaluates nothing.  Not thread-safe.
class TpeSampler {
 public:
  struct Dimension {
    std::string name;         ///< Dimensions are drawn in the order of their names, and at first in that given.
    std::size_t choices = 1;  ///< At least 1.
  };
  using Point = std::vector<std::size_t>;  ///< A choice for each dimension, in the order given.

  static constexpr std::size_t startup_trials = 10;  ///< Points drawn blindly, those added from outside included.
  static constexpr std::size_t drawn_candidates = 24;

  /// Throws `Error` (`invalid_parameter`) for a dimension without choices.
  TpeSampler(std::vector<Dimension> space, std::uint32_t seed);

  Point suggest();
  /// What a point was worth, whether it was suggested or not.  Throws `Error` (`invalid_parameter`) for a point outside
  /// the space, or a value that is not a number.
  void record(Point point, double value);

 private:
  struct Trial {
    Point point;
    double value;
  };

  Point draw_blindly();

  std::vector<Dimension> space_;
  std::vector<std::size_t> order_;  ///< Of dimensions with more than one choice, by name.
  std::mt19937 blind_, drawn_;
  std::vector<Trial> trials_;
};

}  // namespace dspy::optimize
