#include "bind.hpp"
#include "dspy/base/version.hpp"
#include "dspy/schemes.hpp"

#include <string>

NB_MODULE(_core, m) {
  using namespace dspy::python;
  m.doc() = "The compiled part of dspy_cpp.";
  nanobind::set_leak_warnings(false);  // what other threads hold when the interpreter ends is left alone
  m.attr("version") = std::string(dspy::version());
  bind_errors(m);
  bind_waiting(m);
  bind_values(m);
  bind_signature(m);
  bind_lm(m);
  bind_adapters(m);
  bind_predictor(m);
  bind_streaming(m);
  bind_program(m);
  bind_agents(m);
  bind_evaluate(m);
  bind_optimize(m);
  bind_retrieve(m);
  bind_serve(m);
}
