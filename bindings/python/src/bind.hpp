#pragma once

#include <nanobind/nanobind.h>

// What the files of the extension module share.  Each `bind_…` adds the classes and functions of one file to `_core`;
// what Python sees of them is in `dspy_cpp/*.py`.

namespace dspy::python {

namespace nb = nanobind;

void bind_errors(nb::module_& m);
void bind_waiting(nb::module_& m);
void bind_values(nb::module_& m);
void bind_signature(nb::module_& m);
void bind_lm(nb::module_& m);
void bind_adapters(nb::module_& m);
void bind_predictor(nb::module_& m);
void bind_streaming(nb::module_& m);
void bind_program(nb::module_& m);
void bind_agents(nb::module_& m);
void bind_evaluate(nb::module_& m);
void bind_optimize(nb::module_& m);
void bind_retrieve(nb::module_& m);
void bind_serve(nb::module_& m);

}  // namespace dspy::python
