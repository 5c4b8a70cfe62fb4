#pragma once

#include "errors.hpp"

#include "dspy/evaluate/metric.hpp"

namespace dspy::python {

/// A metric that calls a Python function of `(example, prediction, trace, predictor, for_demonstration)`, as
/// `dspy_cpp._metrics.adapted` makes one of what users write.
Metric to_metric(nb::handle function);

}  // namespace dspy::python
