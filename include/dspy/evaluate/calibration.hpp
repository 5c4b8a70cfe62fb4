#pragma once

#include "dspy/base/async.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/example.hpp"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Settings of decisions (signature/decision.hpp) that make better use of the probabilities there are: without labels by
// the answers' prior, with labels by a threshold, weights or cuts.  No model is asked again for what was recorded.

namespace dspy {

/// The prior probability of each answer: the geometric mean over many inputs, normalised to a sum of 1 (batch
/// calibration, Zhou et al. 2024, but with the mean of logarithms: models are often nearly certain, and an arithmetic
/// mean then says little about the boundary between answers).  A probability counts as at least a millionth.  Throws
/// `Error` (`invalid_parameter`) without inputs.
std::map<std::string, double> mean_prior(const DecisionSpace& space,
                                         std::span<const std::vector<double>> probabilities);

/// The probabilities of an output's answers that a prediction has.  Throws `Error` (`bad_input`) if there are none.
std::vector<double> probabilities_of(const Prediction& prediction, const Field& field, const DecisionSpace& space);

/// The mean over inputs that say nothing: `N/A`, `[MASK]` and a blank in place of every text (contextual calibration,
/// Zhao et al. 2021).  `predictor` decides the output.  Throws `Error` (`invalid_parameter`) for inputs that are no
/// text and have no default, and what the calls throw.
Async<std::map<std::string, double>> content_free_prior(Predictor predictor, std::string output);

/// What a model said about one example, and what is true of it.
struct Evidence {
  std::vector<double> probabilities = {};  ///< Of the answers, in order.
  Json label = {};                         ///< One of the answers; of a scale, the level.
};

/// The result of fitting.
struct FittedDecision {
  DecisionSettings settings = {};  ///< The start's, unless something better was found.
  std::string parameter = {};      ///< `threshold`, `weights` or `cuts`.
  double start = 0;                ///< The share of examples that the start decides right.
  double fitted = 0;               ///< That of the best settings found.
  double held_out = 0;             ///< That of settings found on four fifths of the examples, on the rest.
  std::size_t candidates = 0;      ///< Settings tried.
  bool is_kept = false;
  std::string skipped = {};  ///< Why the start is kept.
};

/// Finds the threshold, weights or cuts that decide most examples right (DSPy's ReAnchor): among values between those
/// observed, of equally good ones the one with most room around it.  They are kept only if they decide more examples
/// right than `start` does, and do so as well when found on four fifths and tried on the rest.
///
/// Throws `Error` (`bad_input`) for a label that is not an answer, or evidence that does not suit `space`.
FittedDecision fit_decision(const DecisionSpace& space, const DecisionSettings& start,
                            std::span<const Evidence> evidence);

/// Evidence for one output from labelled examples: `predictor` is called for each, concurrently.
Async<std::vector<Evidence>> gather_evidence(Predictor predictor, std::string output, std::vector<Example> examples,
                                             BatchOptions options = {});

}  // namespace dspy
