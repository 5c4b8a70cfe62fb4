#pragma once

#include "dspy/retrieve/passage.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace dspy {

/// How several orders of the same passages become one.
enum class Fusion {
  reciprocal_ranks,  ///< Sum of `weight / (constant + rank)` (Cormack, Clarke and Büttcher 2009); scores do not matter.
  weighted,          ///< Sum of `weight · score`, each list's scores spread over [0, 1] first.
  distribution,      ///< The same, spread over the list's mean ± 3 standard deviations (DBSF).
};

struct FusionOptions {
  Fusion method = Fusion::reciprocal_ranks;
  std::vector<double> weights = {};  ///< One for each list; empty: 1 each.
  double constant = 60;              ///< Of reciprocal ranks.
};

/// The lists, each best first, as one, best first and equal ones by id.  A passage that is in several lists is one hit
/// with the parts of all; one that is missing in a list gets nothing from it.  Throws `Error` (`invalid_parameter`) for
/// weights that are negative, no numbers or of another count than the lists.
std::vector<Hit> fuse(std::vector<std::vector<Hit>> lists, const FusionOptions& options = {});

/// Selects `candidates` that are similar to the query but different from each other: maximal marginal relevance
/// (Carbonell and Goldstein 1998), by cosine.  `balance` 1 considers only relevance, 0 only diversity.  Returns indices
/// in order of selection; ties go to the first.  Throws `Error` (`invalid_parameter`) for a balance outside [0, 1] and
/// vectors of different lengths.
std::vector<std::size_t> marginal_relevance(std::span<const float> query,
                                            const std::vector<std::vector<float>>& candidates, std::size_t k,
                                            double balance = 0.5);

}  // namespace dspy
