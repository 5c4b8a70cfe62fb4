#include "dspy/evaluate/metrics/text.hpp"
#include "json.hpp"
#include "metric.hpp"
#include "values.hpp"

#include <nanobind/stl/string.h>

#include <string>
#include <utility>

namespace dspy::python {
namespace {

double score_of(const PyMetric& self, nb::handle example, nb::handle prediction, nb::handle /*trace*/) {
  return self.value(to_example(example), to_prediction(prediction)).value;
}

PyMetric exact_match(std::string answer, double share) {
  return {metrics::exact_match(std::move(answer), share)};
}

PyMetric f1(std::string answer) {
  return {metrics::f1(std::move(answer))};
}

PyMetric hotpot_f1(std::string answer) {
  return {metrics::hotpot_f1(std::move(answer))};
}

PyMetric passage_match(std::string answer, std::string passages) {
  return {metrics::passage_match(std::move(answer), std::move(passages))};
}

PyMetric equal(std::string field) {
  return {metrics::equal(std::move(field))};
}

}  // namespace

void bind_metrics(nb::module_& m) {
  nb::class_<PyMetric>(m, "Metric", "A metric of the library: hand it to Evaluate or an optimizer, or call it.")
      .def_prop_ro("name", [](const PyMetric& self) { return to_python(self.value.name()); })
      .def("__call__", &score_of, nb::arg("example"), nb::arg("prediction"), nb::arg("trace") = nb::none());
  m.def("exact_match", &exact_match, nb::arg("answer") = "answer", nb::arg("share") = 1.0,
        "DSPy's answer_exact_match: equal once normalized, or with a `share` below 1 an F1 of at least that.");
  m.def("f1", &f1, nb::arg("answer") = "answer", "F1 over the words.");
  m.def("hotpot_f1", &hotpot_f1, nb::arg("answer") = "answer", "The same, but yes and no must be right.");
  m.def("passage_match", &passage_match, nb::arg("answer") = "answer", nb::arg("passages") = "context",
        "DSPy's answer_passage_match: one of the passages has the answer.");
  m.def("equal", &equal, nb::arg("field") = "answer", "The values are the same, of whatever type.");
  m.def(
      "normalize_text", [](const std::string& text) { return to_python(metrics::normalize_text(text)); },
      nb::arg("text"));
}

}  // namespace dspy::python
