#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <string_view>

namespace dspy {

struct ListwiseOptions {
  std::size_t window = 20;  ///< Documents that the model sees at once.  At least 2.
  std::size_t step = 10;    ///< By which the window moves; less than `window`.
};

/// Lets a language model order documents: it sees a sliding window of them, from the end of the list to its start, and
/// its preferences move up (RankGPT: Sun et al. 2023).  Scores are the places: 1 for the best, then less.  Documents
/// missing from a reply keep their order after those it names; duplicate and invalid numbers are ignored.
///
///     auto reranker = std::make_shared<dspy::ListwiseReranker>(dspy::Predict(dspy::ListwiseReranker::instructions(),
///     {.lm = lm}));
class ListwiseReranker final : public Reranker {
 public:
  /// Throws `Error` (`invalid_parameter`) for windows that do not overlap or hold nothing.
  explicit ListwiseReranker(Predict<> rank = Predict(instructions()), ListwiseOptions options = {});

  std::string_view model() const noexcept override { return "listwise"; }
  Async<Ranking> rank(RankRequest request) override;

  static Signature instructions();

 private:
  Predict<> rank_;
  ListwiseOptions options_;
};

}  // namespace dspy
