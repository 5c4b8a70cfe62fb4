#pragma once

#include "dspy/signature/signature.hpp"
#include "errors.hpp"

#include <memory>

namespace dspy::python {

/// A signature, and how its outputs become values of Python types.
struct PySignature {
  std::shared_ptr<const Signature> value;
  Held converters = {};  ///< A dict of functions by output; unset: none.
};

/// A signature of ours, a class made from `dspy_cpp.Signature`, or text in the arrow notation.
PySignature to_signature(nb::handle value);

}  // namespace dspy::python
