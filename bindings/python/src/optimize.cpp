#include "dspy/optimize/optimizer.hpp"
#include "dspy/programs/program_file.hpp"
#include "json.hpp"
#include "optimizers.hpp"
#include "option_values.hpp"
#include "program.hpp"
#include "values.hpp"
#include "waiting.hpp"

#include <nanobind/stl/string.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dspy::python {
namespace {

/// How the search runs.
void take_search(nb::dict given, SearchOptions& into) {
  std::optional<std::chrono::nanoseconds> time_limit;
  Options option("compile", std::move(given));
  option("concurrency", into.concurrency);
  option("checkpoint", into.checkpoint);
  option("durable", into.is_durable);
  option("max_requests", into.limits.requests);
  option("max_tokens", into.limits.tokens);
  option("max_rollouts", into.limits.rollouts);
  option("time_limit", time_limit);
  option("failure_score", into.failure_score);
  option("attempts", into.attempts);
  option("retry_delay", into.retry_delay);
  option("token_price", into.price.per_1000_tokens);
  option("time_price", into.price.per_second);
  option("seeds_requests", into.seeds_requests);
  option.finish();
  if (time_limit) into.deadline = std::chrono::steady_clock::now() + *time_limit;
}

/// What an optimizer made of a copy of `student`.
Optimized found_by(const std::string& name, nb::dict options, nb::handle student, nb::handle trainset,
                   nb::handle valset, nb::handle teacher, nb::handle search, nb::object on_event) {
  const auto run = optimizer(name, std::move(options));
  Training training{.trainset = to_examples(trainset)};
  if (!valset.is_none()) training.valset = to_examples(valset);
  if (!teacher.is_none()) training.teacher = to_program(teacher);
  take_search(nb::cast<nb::dict>(search), training.search);
  if (!on_event.is_none()) {
    training.search.on_event = [held = Held(std::move(on_event))](const optimize::Event& event) {
      with_python([&] { held.get()(to_python(to_line(event))); });
    };
  }
  const auto program = to_program(student);
  std::optional<Optimized> found;
  wait_for([&](std::stop_token stop) {
    training.search.stop = std::move(stop);
    // A search blocks its thread; this one stays free to hear Ctrl-C.
    return on_python_thread([&] { found.emplace(run(program, training)); });
  });
  return *std::move(found);
}

nb::tuple with_report(nb::object made, const Optimized& found) {
  return nb::make_tuple(std::move(made), to_python(to_json(found.report)), to_python(to_html(found.report)));
}

/// Copies of Python programs take the GIL when they go.
void drop(Optimized found) {
  const nb::gil_scoped_release released;
  const auto gone = std::move(found);
}

/// The file of what was found, to be loaded into another copy, and the report.
nb::object compile(const std::string& name, nb::dict options, nb::handle student, nb::handle trainset,
                   nb::handle valset, nb::handle teacher, nb::handle search, nb::object on_event) {
  auto found = found_by(name, std::move(options), student, trainset, valset, teacher, search, std::move(on_event));
  auto file = to_program_file(found.program);
  file.optimizer = {{"name", name}};
  auto out = with_report(to_python(to_text(file)), found);
  drop(std::move(found));
  return out;
}

/// The program itself, where it is not the student with other instructions and demonstrations.
nb::object compile_whole(const std::string& name, nb::dict options, nb::handle student, nb::handle trainset,
                         nb::handle valset, nb::handle teacher, nb::handle search, nb::object on_event) {
  auto found = found_by(name, std::move(options), student, trainset, valset, teacher, search, std::move(on_event));
  return with_report(nb::cast(PyProgram{.value = std::move(found.program)}), found);
}

}  // namespace

void bind_optimize(nb::module_& m) {
  m.def("_compile", &compile, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none(), nb::arg(),
        nb::arg().none());
  m.def("_compile_whole", &compile_whole, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(),
        nb::arg().none(), nb::arg(), nb::arg().none());
}

}  // namespace dspy::python
