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

/// Has a language model order documents: it is shown a window of them, from the end of the list to its start, and what
/// it prefers moves up (RankGPT: Sun et al. 2023).  Scores are the places: 1 for the best, then less.  Documents that a
/// reply forgets keep their order behind those it names; numbers that it names twice, or that are of no document, are
/// passed over.
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
