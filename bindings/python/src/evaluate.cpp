#include "dspy/evaluate/evaluate.hpp"

#include "dspy/evaluate/report.hpp"
#include "json.hpp"
#include "metric.hpp"
#include "program.hpp"
#include "values.hpp"
#include "waiting.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace dspy::python {
namespace {

nb::list to_trace(const std::vector<TraceStep>& steps) {
  nb::list out;
  for (const auto& step : steps)
    out.append(nb::make_tuple(to_python(step.path), to_python(step.inputs), wrap(step.prediction)));
  return out;
}

Score to_score(nb::handle said) {
  if (PyFloat_Check(said.ptr()) != 0 || PyLong_Check(said.ptr()) != 0) return {.value = nb::cast<double>(said)};
  const nb::object value = nb::module_::import_("dspy_cpp._metrics").attr("parts")(said);
  Score score{.value = nb::cast<double>(value[0]), .feedback = nb::cast<std::string>(value[1])};
  const nb::dict objectives = nb::cast<nb::dict>(value[2]);
  for (const auto& [name, part] : objectives) score.objectives[nb::cast<std::string>(name)] = nb::cast<double>(part);
  return score;
}

/// What an evaluation found, for Python.
struct PyResult {
  std::shared_ptr<EvaluationResult> value;
};

nb::list rows_of(const PyResult& self) {
  nb::list out;
  for (const auto& row : self.value->rows) {
    nb::object error = nb::none();
    if (row.error) error = to_exception(std::make_exception_ptr(*row.error));
    out.append(nb::make_tuple(nb::cast(row.example), wrap(row.prediction),
                              row.is_done ? nb::object(nb::float_(row.score.value)) : nb::none(), error));
  }
  return out;
}

nb::object evaluate(nb::handle program, nb::handle examples, nb::handle metric, nb::handle settings,
                    nb::object progress) {
  const auto options_json = to_json_object(settings, "the options");
  EvaluateOptions options{.metric = to_metric(metric)};
  for (const auto& [name, value] : options_json) {
    if (value.is_null()) continue;
    if (name == "concurrency") {
      options.concurrency = value.to_number<std::size_t>();
    } else if (name == "failure_score") {
      options.failure_score = value.to_number<double>();
    } else if (name == "max_errors") {
      options.max_errors = value.to_number<std::size_t>();
    } else if (name == "keeps_traces") {
      options.keeps_traces = value.as_bool();
    } else if (name == "checkpoint") {
      options.checkpoint = std::string(view(value.as_string()));
    }
  }
  if (!progress.is_none()) {
    options.progress = [held = Held(std::move(progress))](const EvaluationProgress& now) {
      with_python([&] { held.get()(to_python(to_line(now))); });
    };
  }
  auto copy = to_program(program);
  auto rows = to_examples(examples);
  auto result = wait_for([&](std::stop_token stop) {
    options.context.stop = std::move(stop);
    return aevaluate(std::move(copy), std::move(rows), std::move(options));
  });
  return nb::cast(PyResult{std::make_shared<EvaluationResult>(std::move(result))});
}

}  // namespace

Metric to_metric(nb::handle function) {
  if (function.is_none()) return {};
  if (nb::isinstance<PyMetric>(function)) return nb::cast<const PyMetric&>(function).value;
  std::string name = "metric";
  if (nb::hasattr(function, "__name__")) name = nb::cast<std::string>(nb::str(function.attr("__name__")));
  const nb::object adapted = nb::module_::import_("dspy_cpp._metrics").attr("adapted")(function);
  return {name, [held = Held(adapted)](const MetricInput& input) {
            return with_python([&] {
              const nb::object trace = input.trace != nullptr && (input.for_demonstration || !input.predictor.empty())
                                           ? nb::object(to_trace(*input.trace))
                                           : nb::none();
              return to_score(held.get()(nb::cast(input.example), wrap(input.prediction), trace,
                                         input.predictor.empty() ? nb::object(nb::none()) : to_python(input.predictor),
                                         input.for_demonstration));
            });
          }};
}

void bind_evaluate(nb::module_& m) {
  bind_metrics(m);
  nb::class_<PyResult>(m, "EvaluationResult", "What an evaluation found.")
      .def_prop_ro(
          "score", [](const PyResult& self) { return self.value->score; }, "In percent, to two places.")
      .def_prop_ro("mean", [](const PyResult& self) { return self.value->mean; })
      .def_prop_ro(
          "interval",
          [](const PyResult& self) -> nb::object {
            if (!self.value->interval) return nb::none();
            return nb::make_tuple(self.value->interval->low, self.value->interval->high);
          },
          "Where the score of the whole population lies, in percent.")
      .def_prop_ro("failures", [](const PyResult& self) { return self.value->failures; })
      .def_prop_ro("done", [](const PyResult& self) { return self.value->done; })
      .def_prop_ro("results", &rows_of, "A tuple (example, prediction, score, error) for each example.")
      .def_prop_ro(
          "traces",
          [](const PyResult& self) {
            nb::list out;
            for (const auto& row : self.value->rows) out.append(to_trace(row.trace));
            return out;
          },
          "Of each example the calls that led to its prediction, as (path, inputs, prediction), if traces were kept.")
      .def_prop_ro("usage", [](const PyResult& self) { return to_python(to_json(self.value->usage)); })
      .def_prop_ro(
          "stopped",
          [](const PyResult& self) -> nb::object {
            if (!self.value->stopped) return nb::none();
            return to_exception(std::make_exception_ptr(*self.value->stopped));
          },
          "Why not all examples were run, or None.")
      .def("to_dict", [](const PyResult& self) { return to_python(to_json(*self.value)); })
      .def("to_csv", [](const PyResult& self) { return to_python(to_csv(*self.value)); })
      .def("to_html", [](const PyResult& self) { return to_python(to_html(*self.value)); })
      .def("__float__", [](const PyResult& self) { return self.value->score; })
      .def("__str__", [](const PyResult& self) { return to_python(to_table(*self.value)); })
      .def("__repr__",
           [](const PyResult& self) { return "EvaluationResult(score=" + std::to_string(self.value->score) + ")"; });
  m.def("_evaluate", &evaluate, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
}

}  // namespace dspy::python
