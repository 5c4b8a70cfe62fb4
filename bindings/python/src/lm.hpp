#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/lm/sampling.hpp"
#include "errors.hpp"

#include <memory>

namespace dspy::python {

/// A language model as Python sees it.
struct PyLM {
  std::shared_ptr<LM> value;
};

/// One of ours, what wraps one (`native`), a URI, or null for None.
std::shared_ptr<LM> to_lm(nb::handle value);

/// From a dict such as `{"temperature": 0, "max_tokens": 100}`.  Throws `Error` (`invalid_parameter`) that lists what
/// there is.
Sampling to_sampling(nb::handle settings);

}  // namespace dspy::python
