#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// One conversation that a model is to be trained on: what a predictor asked, and the answer that was good.
struct FinetuneRow {
  std::string predictor = {};
  Chat messages = {};  ///< The last one is the model's.
};

struct FinetuneDataOptions {
  Metric metric = {};                           ///< Not set: every answer is good.
  std::optional<double> metric_threshold = {};  ///< What a score must reach; unset: any score but 0.
  bool exclude_demos = false;                   ///< Prompts without the program's demonstrations.
};

struct FinetuneData {
  std::vector<FinetuneRow> rows = {};  ///< In the order of the training set.
  std::size_t examples = 0;            ///< Those that were answered well.
  optimize::Report report = {};

  /// Writes a JSON object a line, `{"messages": [{"role", "content"}, …]}`, as trainers read it: one file, or one for
  /// each predictor (`NAME.<predictor>.jsonl`).  Throws `Error` (`io_error`).
  void write(const std::filesystem::path& path, bool by_predictor = false) const;
};

/// The data side of DSPy's BootstrapFinetune: runs the teacher (or the student) on the training examples, and keeps the
/// predictors' requests and answers in the successful runs.
FinetuneData finetune_data(const Program& student, const Training& training, const FinetuneDataOptions& options = {});

}  // namespace dspy
