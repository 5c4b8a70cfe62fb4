#pragma once

#include "dspy/modules/module.hpp"
#include "dspy/modules/predictor.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What `MultiChainComparison` is given.
struct ChainAttempts {
  JsonObject inputs = {};
  /// As many as the module was made for, each with the last output, and a `rationale` or `reasoning`.
  std::vector<JsonObject> completions = {};
};

/// Looks at several attempts at an answer, with their reasoning, and gives one of its own with a `rationale` before it.
/// The temperature is 0.7 unless said otherwise.
///
///     dspy::MultiChainComparison compare(signature, 3);
///     auto answer = compare({.inputs = inputs, .completions = {first.data, second.data, third.data}});
class MultiChainComparison : public Module<MultiChainComparison, ChainAttempts, Prediction> {
 public:
  /// Throws `Error` (`invalid_parameter`) for fewer than one attempt.
  explicit MultiChainComparison(const Signature& signature, int attempts = 3, PredictorOptions options = {});
  explicit MultiChainComparison(std::string_view notation, int attempts = 3, PredictorOptions options = {})
      : MultiChainComparison(Signature::parse(notation), attempts, std::move(options)) {}

  /// Throws `Error` (`bad_input`) for a wrong number of completions, or one that lacks the fields to compare.
  Async<Prediction> run(ChainAttempts attempts, Run how) const;

  const Predictor& predictor() const noexcept { return compare_; }
  Predictor& predictor() noexcept { return compare_; }

  static constexpr std::string_view predictor_name = "predict";

 private:
  Predictor compare_;
  std::string last_;
  std::size_t attempts_;
};

}  // namespace dspy
