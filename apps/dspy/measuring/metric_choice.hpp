#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/field.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dspy::app {

/// A metric by its name, as `--metric` takes it.
struct MetricChoice {
  std::string name;
  std::string field;            ///< The output to measure.
  std::string rubric;           ///< Of `judge`.
  std::shared_ptr<LM> lm = {};  ///< Compares and judges; null: such metrics are refused.
};

/// Throws `Error` (`bad_input`) for an unknown name, or a metric that lacks its model or rubric.
Metric metric_named(const MetricChoice& choice);

/// Throws `Error` (`bad_input`) that names the first example whose label of `output` is none of the answers that are
/// declared, so that no program could be right.  Case does not matter.
void require_declared_labels(const std::vector<Example>& examples, const Field& output, const std::string& path);

/// All of them, in words.
std::string metric_names();

}  // namespace dspy::app
