#pragma once

#include "dspy/base/json.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/statistics.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace dspy {

/// An example whose score differs between two runs.
struct Flip {
  std::size_t index = 0;
  double a = 0;
  double b = 0;
};

/// Two runs on the same examples.
struct Comparison {
  std::size_t n = 0;  ///< Examples that both have done.
  double a = 0;       ///< The mean scores over these, in percent.
  double b = 0;
  double difference = 0;   ///< `b - a`.
  Interval interval = {};  ///< Of the difference, in percent: a bootstrap over the pairs.
  double confidence = 0.95;
  std::string test = {};          ///< `mcnemar` where all scores are 0 or 1, else `sign_flip`.
  double p_value = 1;             ///< How likely such a difference is if both are alike.
  std::vector<Flip> better = {};  ///< Where `b` scores higher, the largest differences first.
  std::vector<Flip> worse = {};   ///< Where it scores lower.
};

/// Compares score by score.  Throws `Error` (`invalid_parameter`) for lists of different length or fewer than two
/// scores.
Comparison compare(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

/// Compares runs of the same metric on the same examples, in the same order; others are an `Error` (`bad_input`).
Comparison compare(const EvaluationResult& a, const EvaluationResult& b, double confidence = 0.95);

JsonObject to_json(const Comparison& comparison);
/// A few lines for a terminal.
std::string to_table(const Comparison& comparison, std::size_t flips = 10);

}  // namespace dspy
