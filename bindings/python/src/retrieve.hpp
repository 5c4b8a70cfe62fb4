#pragma once

#include "dspy/lm/embedder.hpp"
#include "errors.hpp"

#include <memory>

namespace dspy::python {

/// An embedder as Python sees it.
struct PyEmbedder {
  std::shared_ptr<Embedder> value;
};

/// Throws `nb::type_error` for what is not a `dspy_cpp.Embedder`.
std::shared_ptr<Embedder> to_embedder(nb::handle value);

}  // namespace dspy::python
