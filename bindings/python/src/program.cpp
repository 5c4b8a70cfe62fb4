#include "program.hpp"

#include "dspy/flow/flow.hpp"
#include "dspy/modules/best_of_n.hpp"
#include "dspy/modules/refine.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program_file.hpp"
#include "json.hpp"
#include "lm.hpp"
#include "predictor.hpp"
#include "waiting.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <format>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::python {
namespace {

/// A copy of a predictor under the path that Python knows it by.
struct NamedPredictor {
  Predictor predictor;
  std::string path;

  Async<Prediction> run(JsonObject inputs, Run how) const { return predictor.run(std::move(inputs), std::move(how)); }
  template <class F>
  void for_each_predictor(F&& visit) {
    visit(path, predictor);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit(path, predictor);
  }
};

Judged to_judged(nb::handle said) {
  if (PyTuple_Check(said.ptr()) != 0)
    return {.reward = nb::cast<double>(said[0]), .feedback = nb::cast<std::string>(said[1])};
  if (nb::hasattr(said, "score") && nb::hasattr(said, "feedback"))
    return {.reward = nb::cast<double>(said.attr("score")),
            .feedback = nb::cast<std::string>(nb::str(said.attr("feedback")))};
  return {.reward = nb::cast<double>(nb::float_(nb::borrow(said)))};
}

Judged judge(const Held& reward, const JsonObject& inputs, const Prediction& made) {
  return with_python([&] { return to_judged(reward.get()(to_python(inputs), wrap(made))); });
}

nb::object run_best_of_n(nb::handle module, int n, nb::object reward, double threshold, int max_errors,
                         nb::handle inputs) {
  const BestOfN<Program> best(
      to_live_program(module), n,
      [held = Held(std::move(reward))](const JsonObject& given, const Prediction& made) {
        return judge(held, given, made).reward;
      },
      threshold, max_errors);
  auto values = to_json_object(inputs, "the inputs");
  return wrap(wait_for(
      [&](std::stop_token stop) { return best.run(std::move(values), Run{.options = {.stop = std::move(stop)}}); }));
}

nb::object run_refine(nb::handle module, int n, nb::object reward, double threshold, int max_errors, nb::handle lm,
                      nb::handle inputs) {
  const Refine<Program> refine(
      to_live_program(module),
      [held = Held(std::move(reward))](const JsonObject& given, const Prediction& made) {
        return judge(held, given, made);
      },
      {.n = n, .threshold = threshold, .max_errors = max_errors, .advisor = {.lm = to_lm(lm)}});
  auto values = to_json_object(inputs, "the inputs");
  return wrap(wait_for(
      [&](std::stop_token stop) { return refine.run(std::move(values), Run{.options = {.stop = std::move(stop)}}); }));
}

/// The text of the program's file.
std::string file_text(nb::handle program, const std::string& known) {
  const auto live = to_live_program(program);
  return to_text(to_program_file(live, known.empty() ? ProgramFile() : read_program(known)));
}

void load_text(nb::handle program, const std::string& text, bool accept_changed, bool accept_other_functions) {
  auto live = to_live_program(program);
  apply(read_program(text, {.accept_changed = accept_changed, .accept_other_functions = accept_other_functions}), live);
}

nb::list predictors_of(const PyProgram& self) {
  nb::list out;
  self.value.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    out.append(nb::make_tuple(to_python(path), nb::cast(PyPredictor{.value = predictor})));
  });
  return out;
}

PyProgram load_flow_file(const std::string& path) {
  auto loaded = load_flow(path);
  return {.value = Program(std::move(loaded.flow))};
}

PyProgram flow_of_plan(nb::handle plan) {
  Flow flow(flow_plan_from_json(to_json_object(plan, "the plan")));
  flow.set_lms([](const std::string& uri) { return dspy::lm(uri); });
  return {.value = Program(std::move(flow))};
}

/// A call's inputs, and what of it is not an input: `lm`, `config`, `timeout`, unless an input is called so.
struct Asked {
  Program program;
  JsonObject inputs = {};
  CallOptions options = {};
};

bool has_input(const Program& program, std::string_view name) {
  bool found = false;
  program.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    for (const auto& field : predictor.signature().inputs) found = found || field.name == name;
  });
  return found;
}

Asked to_asked(const PyProgram& self, const nb::kwargs& arguments) {
  Asked out{.program = self.value};
  for (const auto& [key, value] : arguments) {
    const auto name = nb::cast<std::string_view>(key);
    const bool is_setting = (name == "lm" || name == "config" || name == "timeout") && !has_input(self.value, name);
    if (!is_setting) {
      out.inputs.insert_or_assign(name, to_json(value));
    } else if (name == "config") {
      out.options.sampling = to_sampling(value);
    } else if (name == "timeout") {
      out.options.deadline = deadline_in(nb::cast<double>(value));
    } else if (auto lm = to_lm(value)) {
      out.program = with_lm(out.program, std::move(lm));
    }
  }
  return out;
}

nb::object call(const PyProgram& self, const nb::kwargs& arguments) {
  auto asked = to_asked(self, arguments);
  return wrap(wait_for([&](std::stop_token stop) {
                asked.options.stop = std::move(stop);
                join_run(asked.options);
                return asked.program.run(std::move(asked.inputs), Run{.options = std::move(asked.options)});
              }),
              self.converters);
}

nb::object acall(const PyProgram& self, const nb::kwargs& arguments) {
  auto asked = to_asked(self, arguments);
  return awaitable(
      [&](std::stop_token stop) {
        asked.options.stop = std::move(stop);
        return dspy::acall(std::move(asked.program), std::move(asked.inputs), std::move(asked.options));
      },
      [converters = self.converters](Prediction made) { return wrap(std::move(made), converters); });
}

/// Like the sequence of a batch, of any program.
nb::object run_rows(nb::handle program, nb::handle rows, std::size_t concurrency,
                    std::optional<std::size_t> max_errors) {
  std::vector<JsonObject> inputs;
  for (const auto row : nb::borrow<nb::object>(rows)) {
    auto example = to_example(row);
    inputs.push_back(example.input_keys.empty() ? std::move(example.data) : example.inputs());
  }
  auto copy = to_program(program);
  auto results = wait_for([&](std::stop_token stop) {
    BatchOptions options{.concurrency = concurrency, .max_errors = max_errors, .call = {.stop = std::move(stop)}};
    return arun_batch(std::move(copy), std::move(inputs), std::move(options));
  });
  nb::list out;
  for (auto& row : results) {
    out.append(row ? wrap(*std::move(row)) : to_exception(std::make_exception_ptr(row.error())));
  }
  return out;
}

}  // namespace

LiveProgram::LiveProgram(const LiveProgram& other)
    : module_(with_python([&] { return Held(nb::module_::import_("copy").attr("deepcopy")(other.module_.get())); })) {}

LiveProgram& LiveProgram::operator=(const LiveProgram& other) {
  if (this != &other) *this = LiveProgram(other);
  return *this;
}

Async<Prediction> LiveProgram::run_module(Held module, JsonObject inputs, Run how) {
  Prediction made;
  co_await on_python_thread([&] {
    const PartOfRun part(how.options);
    made = with_python([&] { return to_prediction(module.get().attr("_run")(to_python(inputs))); });
  });
  co_return made;
}

void LiveProgram::visit_parts(const std::function<void(const std::string&, Predictor&)>& visit) const {
  with_python([&] {
    const nb::object parts = module_.get().attr("_parts")();
    for (const auto part : parts) {
      const auto path = nb::cast<std::string>(part[0]);
      const nb::object found = part[1];
      if (nb::isinstance<PyPredictor>(found)) {
        auto& predictor = nb::cast<PyPredictor&>(found);
        visit(predictor.is_chain_of_thought ? dspy::detail::join_path(path, "predict")
              : path.empty()                ? "self"
                                            : path,
              predictor.value);
      } else {
        nb::cast<PyProgram&>(found).value.for_each_predictor([&](const std::string& name, Predictor& predictor) {
          visit(dspy::detail::join_path(path, name), predictor);
        });
      }
    }
  });
}

Program to_live_program(nb::handle program) {
  return Program(LiveProgram(Held(nb::borrow(program))));
}

Program to_program(nb::handle program) {
  if (nb::isinstance<PyPredictor>(program)) {
    const auto& predictor = nb::cast<const PyPredictor&>(program);
    return Program(NamedPredictor{predictor.value, predictor.is_chain_of_thought ? "predict" : "self"});
  }
  if (nb::isinstance<PyProgram>(program)) return nb::cast<const PyProgram&>(program).value;
  if (!nb::hasattr(program, "_parts"))
    throw nb::type_error("a program is a dspy_cpp.Module, a Predict or a loaded program");
  return Program(LiveProgram(Held(nb::module_::import_("copy").attr("deepcopy")(program))));
}

void bind_program(nb::module_& m) {
  nb::class_<PyProgram>(m, "NativeProgram", "A program that runs without Python: from a file, a plan, or an agent.")
      .def(nb::init<const PyProgram&>())
      .def("__call__", &call, "Runs the program. Beside the inputs: `lm`, `config` (settings), `timeout` in seconds.")
      .def("acall", &acall, "The same to await.")
      .def("named_predictors", &predictors_of, "Copies of the predictors, with their paths.")
      .def(
          "set_lm", [](PyProgram& self, nb::handle lm) { self.value = with_lm(self.value, to_lm(lm)); },
          nb::arg("lm").none(), "Has every predictor ask this LM.")
      .def("_parts",
           [](nb::handle self) {
             nb::list out;
             out.append(nb::make_tuple("", nb::borrow(self)));
             return out;
           })
      .def("__copy__", [](const PyProgram& self) { return self; })
      .def("__deepcopy__", [](const PyProgram& self, nb::handle) { return self; });
  m.def("load_flow", &load_flow_file, nb::arg("path"),
        "A program from a flow's file (TOML, JSON), or from a saved program that has its plan.");
  m.def("flow", &flow_of_plan, nb::arg("plan"), "A program from a plan as a dict (docs/formats/flow.md).");
  m.def("_best_of_n", &run_best_of_n);
  m.def("_refine", &run_refine, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg());
  m.def("_run_rows", &run_rows, nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def("_file_text", &file_text);
  m.def("_load_text", &load_text);
}

}  // namespace dspy::python
