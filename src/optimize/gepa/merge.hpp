#pragma once

#include "dspy/optimize/kernel/python_random.hpp"
#include "optimize/gepa/front.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace dspy::optimize {

/// A program of the evolution: its instructions by predictor, and what it was made from.
struct Individual {
  std::vector<std::string> instructions;
  std::vector<std::size_t> parents = {};
  std::vector<double> row_scores = {};
  std::size_t next_component = 0;  ///< The predictor whose turn it is.
};

struct Merge {
  std::vector<std::string> instructions;
  std::array<std::size_t, 2> parents = {};
  std::size_t ancestor = 0;
};

/// Finds pairs of good programs that have changed different predictors of a common ancestor, and joins them.
class Merger {
 public:
  explicit Merger(PythonRandom& random) : random_(random) {}

  std::optional<Merge> find(std::span<const Individual> programs, const ParetoFront& front);
  /// Validation examples to try a merge on: some that each parent is better at, and some where they are alike.
  std::vector<std::size_t> rows_for(const std::vector<double>& first, const std::vector<double>& second);

 private:
  using Triplet = std::tuple<std::size_t, std::size_t, std::size_t>;

  std::optional<Triplet> common_ancestor(std::span<const Individual> programs, const std::vector<double>& means,
                                         const std::vector<std::size_t>& candidates);

  PythonRandom& random_;
  std::set<Triplet> done_;
  std::set<std::tuple<std::size_t, std::size_t, std::vector<std::size_t>>> made_;
};

}  // namespace dspy::optimize
