#pragma once

#include "dspy/evaluate/metric.hpp"
#include "errors.hpp"

namespace dspy::python {

/// A metric of the library as Python sees it; an evaluation by one never enters Python.
struct PyMetric {
  Metric value;
};

void bind_metrics(nb::module_& m);

/// One of ours, or a metric that calls a Python function of `(example, prediction, trace, predictor,
/// for_demonstration)`, as `dspy_cpp._metrics.adapted` makes one of what users write.
Metric to_metric(nb::handle function);

}  // namespace dspy::python
