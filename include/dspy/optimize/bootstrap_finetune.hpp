#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/optimize/finetune_data.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// Another program that trains weights: it reads conversations, and writes a file.
struct TrainerCommand {
  /// The program and its arguments; no shell reads them.  In each, `{data}` becomes the file of conversations (JSON
  /// lines, as `FinetuneData::write` writes them), `{output}` the file to write, and `{name}` its owner: a predictor's
  /// path, or `all`.
  std::vector<std::string> argv = {};
  std::string output_extension = ".gguf";  ///< With `.gguf` the output must begin as such files do.
  std::optional<std::chrono::seconds> time_limit = {};
};

struct BootstrapFinetuneOptions {
  Metric metric = {};                           ///< Not set: every answer is good.
  std::optional<double> metric_threshold = {};  ///< What a score must reach; unset: any score but 0.
  bool multitask = true;                        ///< One training for all predictors; else one for each.
  bool exclude_demos = false;                   ///< Prompts without the program's demonstrations, then and later.
  /// Gets data, weights and the trainer's logs.  Weights that are there already, from the same data and command, are
  /// not trained again.
  std::filesystem::path folder = {};
  TrainerCommand trainer = {};
  /// The model with the weights in that file, such as `llama:base.gguf?lora=FILE`, for the predictor of that name (or
  /// `all`).  Not set: the weights are trained, but the program is not changed.
  std::function<std::shared_ptr<LM>(const std::string& name, const std::filesystem::path& weights)> open = {};
};

/// Trains the model under a program on what a teacher (or the student) did well (DSPy's BootstrapFinetune, for weights
/// that a command on this machine trains).  With a metric and a validation set, the trained program is returned only if
/// it is the better one.  `report.details["weights"]` has the files.
class BootstrapFinetune {
 public:
  /// Throws `Error` (`invalid_parameter`) without a folder or a command, for a command without `{data}` and `{output}`,
  /// and for a word in braces other than those two and `{name}`.
  explicit BootstrapFinetune(BootstrapFinetuneOptions options);
  /// Throws as all optimizers do, and `Error`: `config_error` for a trainer that cannot be started, fails, or leaves no
  /// weights, `deadline_exceeded`, `cancelled`.
  Optimized compile(const Program& student, const Training& training) const;

 private:
  BootstrapFinetuneOptions options_;
};

}  // namespace dspy
