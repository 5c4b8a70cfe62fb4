#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "evaluate/checkpoint.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace dspy {

/// Throws `Error` for options out of range, no examples, or one without inputs.
void validate(const EvaluateOptions& options, const std::vector<Example>& examples);

/// What a checkpoint says is evaluated: digests of program and examples, and the metric's name.
JsonObject checkpoint_header(const Program& program, const std::vector<Example>& examples,
                             const EvaluateOptions& options);

/// An evaluation's rows and counts, and when it ends: all of it but running programs and metrics.  Not thread-safe.
class Evaluation {
 public:
  /// Both outlive it.
  Evaluation(std::vector<Example> examples, const EvaluateOptions& options, const Clock& clock);

  /// Takes rows that were finished before.  What failed for a reason that passes is left to be run again.
  void resume(const std::vector<JsonObject>& rows);
  /// The rows to run, in the order to run them.
  std::vector<std::size_t> todo() const;
  EvaluatedRow& row(std::size_t index) noexcept { return rows_[index]; }

  /// False once no more examples are to be started.
  bool may_begin();
  /// Takes a row that was run and measured, or failed.  One that the end of the whole cut off is not done.
  void finish(EvaluatedRow& row, const Usage& used);

  /// Writes a finished row; a checkpoint that cannot be written stops the rest.
  void keep(Checkpoint& checkpoint, const EvaluatedRow& row);
  void sync(Checkpoint& checkpoint);

  EvaluationProgress progress() const;
  EvaluationResult result(Usage used) &&;

 private:
  /// Why the whole evaluation is over, if it is.
  std::optional<Error> over() const;
  double seconds() const;

  const EvaluateOptions& options_;
  const Clock& clock_;
  Clock::Time begun_;
  std::vector<EvaluatedRow> rows_;
  std::optional<Error> stopped_;
  std::size_t done_ = 0, resumed_ = 0, failures_ = 0;
  double sum_ = 0;
  Usage used_;
};

}  // namespace dspy
