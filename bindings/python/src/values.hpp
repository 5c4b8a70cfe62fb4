#pragma once

#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"
#include "errors.hpp"

namespace dspy::python {

/// A prediction as Python sees it.  Outputs of the user's own Python types are made when they are first asked for.
struct PyPrediction {
  Prediction value = {};
  Held converters = {};  ///< A dict of functions by output; unset: none.
};

nb::object wrap(Prediction prediction, const Held& converters = {});

/// `value` as an example: one of ours, or a mapping, whose members are all outputs.
Example to_example(nb::handle value);
std::vector<Example> to_examples(nb::handle values);

/// What a program of Python returned: a prediction, or a mapping of its outputs.
Prediction to_prediction(nb::handle value);

}  // namespace dspy::python
