#pragma once

#include "dspy/lm/embedder.hpp"
#include "dspy/modules/knn.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"

#include <cstddef>
#include <memory>

namespace dspy {

struct KnnFewShotOptions {
  std::size_t k = 3;  ///< Neighbours of an input that become demonstrations.
  std::shared_ptr<Embedder> embedder;
  BootstrapFewShotOptions bootstrap = {};  ///< Which answers are good enough, and how many demonstrations there are.
};

/// Gives each call demonstrations of its own: the training examples nearest to its inputs.  The teacher answers every
/// training example once, when the program is compiled; unlike in DSPy, nothing is compiled per call.
class KnnFewShot {
 public:
  /// Throws `Error` (`invalid_parameter`) without an embedder, or for a `k` of 0.
  explicit KnnFewShot(KnnFewShotOptions options);
  /// With a validation set and a metric, the student is measured too, and returned if it is the better one.
  Optimized compile(const Program& student, const Training& training) const;

 private:
  KnnFewShotOptions options_;
};

}  // namespace dspy
