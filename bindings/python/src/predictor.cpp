#include "predictor.hpp"

#include "dspy/lm/exchange_json.hpp"
#include "dspy/modules/batch.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/programs/program_file.hpp"
#include "json.hpp"
#include "lm.hpp"
#include "values.hpp"
#include "waiting.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstddef>
#include <expected>
#include <format>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::python {
namespace {

thread_local const CallOptions* current_run = nullptr;

std::vector<Example> demos_for(const Signature& signature, nb::handle demos) {
  std::vector<Example> out;
  for (auto& demo : to_examples(demos)) out.emplace_back(std::move(demo.data), signature);
  return out;
}

CallPolicy policy_of(nb::handle settings, CallPolicy policy) {
  const auto written = to_json_object(settings, "the policy");
  for (const auto& [name, value] : written) {
    if (name == "ask_again") {
      policy.ask_again = value.to_number<int>();
    } else if (name == "rewrite") {
      policy.rewrite = value.to_number<int>();
    } else if (name == "accept") {
      policy.finally = value.as_bool() ? CallPolicy::Finally::accept : CallPolicy::Finally::fail;
    } else if (name == "fallback") {
      policy.fallback = value.is_null() ? nullptr : adapter(view(value.as_string()));
    } else {
      throw Error(
          Errc::invalid_parameter,
          std::format("a policy has no `{}`; it has ask_again, rewrite, fallback and accept", std::string_view(name)));
    }
  }
  return policy;
}

/// As `batch` returns them: a prediction or an exception for each.
nb::list outcomes(std::vector<std::expected<Prediction, Error>> rows, const Held& converters) {
  nb::list out;
  for (auto& row : rows) {
    if (row) {
      out.append(wrap(*std::move(row), converters));
    } else {
      out.append(to_exception(std::make_exception_ptr(row.error())));
    }
  }
  return out;
}

nb::object call(const PyPredictor& self, const nb::kwargs& arguments) {
  auto made = to_call(self, arguments);
  const auto& predictor = made.changed ? *made.changed : self.value;
  auto prediction = wait_for([&](std::stop_token stop) {
    made.options.stop = std::move(stop);
    join_run(made.options);
    return predictor.run(std::move(made.inputs), Run{.options = std::move(made.options)});
  });
  return wrap(std::move(prediction), self.converters);
}

nb::object acall(const PyPredictor& self, const nb::kwargs& arguments) {
  auto made = to_call(self, arguments);
  if (!made.changed) made.changed = self.value;
  return awaitable(
      [&](std::stop_token stop) {
        made.options.stop = std::move(stop);
        return [](PyCall whole) -> Async<Prediction> {
          co_return co_await whole.changed->run(std::move(whole.inputs), Run{.options = std::move(whole.options)});
        }(std::move(made));
      },
      [converters = self.converters](Prediction prediction) { return wrap(std::move(prediction), converters); });
}

nb::object batch(const PyPredictor& self, nb::handle rows, std::size_t concurrency,
                 std::optional<std::size_t> max_errors) {
  std::vector<BatchCall> calls;
  for (const auto row : nb::borrow<nb::object>(rows)) {
    auto example = to_example(row);
    calls.push_back({self.value, example.input_keys.empty() ? std::move(example.data) : example.inputs()});
  }
  auto results = wait_for([&](std::stop_token stop) {
    BatchOptions options{.concurrency = concurrency, .max_errors = max_errors, .call = {.stop = std::move(stop)}};
    return abatch(std::move(calls), std::move(options));
  });
  return outcomes(std::move(results), self.converters);
}

nb::object render(const PyPredictor& self, const nb::kwargs& arguments) {
  auto made = to_call(self, arguments);
  const auto& predictor = made.changed ? *made.changed : self.value;
  nb::list out;
  for (const auto& message : predictor.render(std::move(made.inputs), made.options))
    out.append(to_python(to_json(message)));
  return out;
}

std::string state_of(const PyPredictor& self) {
  ProgramFile file;
  file.predictors.push_back(to_saved(self.is_chain_of_thought ? "predict" : "self", self.value));
  return to_text(file);
}

PyPredictor from_state(const std::string& text) {
  const auto file = read_program(text, {}, "a pickled predictor");
  const auto& saved = file.predictors.at(0);
  return {.value = to_predictor(saved), .is_chain_of_thought = saved.path == "predict"};
}

}  // namespace

PredictorOptions to_predictor_options(const nb::kwargs& settings) {
  PredictorOptions options;
  nb::dict sampling;
  for (const auto& [key, value] : settings) {
    const auto name = nb::cast<std::string>(key);
    if (name == "lm") {
      options.lm = to_lm(value);
    } else if (name == "adapter") {
      if (!value.is_none()) options.adapter = adapter(nb::cast<std::string>(value));
    } else if (name == "policy") {
      options.policy = policy_of(value, options.policy);
    } else {
      sampling[key] = value;
    }
  }
  options.sampling = to_sampling(sampling);
  return options;
}

std::chrono::steady_clock::time_point deadline_in(double seconds) {
  if (!(seconds >= 0 && seconds <= 1e9))
    throw Error(Errc::invalid_parameter, std::format("a timeout is from 0 to 1e9 seconds; this one is {}", seconds));
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

PyCall to_call(const PyPredictor& self, const nb::kwargs& arguments) {
  PyCall out;
  const auto changed = [&]() -> Predictor& {
    if (!out.changed) out.changed = self.value;
    return *out.changed;
  };
  const auto& signature = self.value.signature();
  for (const auto& [key, value] : arguments) {
    const auto name = nb::cast<std::string_view>(key);
    if (signature.find(name) != nullptr) {
      out.inputs.insert_or_assign(name, to_json(value));
    } else if (name == "lm") {
      if (!value.is_none()) changed().set_lm(to_lm(value));
    } else if (name == "config") {
      out.options.sampling = to_sampling(value);
    } else if (name == "demos") {
      changed().set_demos(demos_for(signature, value));
    } else if (name == "timeout") {
      out.options.deadline = deadline_in(nb::cast<double>(value));
    } else {
      out.inputs.insert_or_assign(name, to_json(value));  // refused with the names there are
    }
  }
  return out;
}

PartOfRun::PartOfRun(const CallOptions& options) noexcept : outer_(std::exchange(current_run, &options)) {}
PartOfRun::~PartOfRun() {
  current_run = outer_;
}

void join_run(CallOptions& options) {
  if (current_run == nullptr) return;
  options.sampling = options.sampling.over(current_run->sampling);
  if (current_run->stop.stop_possible()) options.stop = current_run->stop;
  if (current_run->deadline && (!options.deadline || *options.deadline > *current_run->deadline))
    options.deadline = current_run->deadline;
}

void bind_predictor(nb::module_& m) {
  nb::class_<PyPredictor>(m, "Predictor", "A signature, demonstrations, and the LM and adapter to use.")
      .def(
          "__init__",
          [](PyPredictor* self, nb::handle signature, bool chain_of_thought, const nb::kwargs& settings) {
            const auto declared = to_signature(signature);
            auto options = to_predictor_options(settings);
            auto asked =
                chain_of_thought ? std::make_shared<const Signature>(with_reasoning(*declared.value)) : declared.value;
            new (self) PyPredictor{.value = Predictor(std::move(asked), std::move(options)),
                                   .converters = declared.converters,
                                   .is_chain_of_thought = chain_of_thought};
          },
          nb::arg("signature"), nb::arg("chain_of_thought"), nb::arg("settings"))
      .def("_become", [](PyPredictor& self, const PyPredictor& other) { self = other; })
      .def("__call__", &call,
           "Asks the LM. Beside the inputs: `lm`, `config` (settings), `demos`, `timeout` in seconds.")
      .def("acall", &acall, "The same to await.")
      .def("batch", &batch, nb::arg("rows"), nb::arg("concurrency") = 32, nb::arg("max_errors") = nb::none(),
           "Asks about each row, many at once. A list in their order, of predictions and, where a call failed, its "
           "Error.")
      .def("render", &render, "The messages that a call would send.")
      .def_prop_rw(
          "demos",
          [](const PyPredictor& self) {
            nb::list out;
            for (const auto& demo : self.value.demos()) out.append(nb::cast(demo));
            return out;
          },
          [](PyPredictor& self, nb::handle demos) { self.value.set_demos(demos_for(self.value.signature(), demos)); })
      .def_prop_rw(
          "lm", [](const PyPredictor& self) { return self.value.lm() ? nb::cast(PyLM{self.value.lm()}) : nb::none(); },
          [](PyPredictor& self, nb::handle lm) { self.value.set_lm(to_lm(lm)); }, nb::for_setter(nb::arg("lm").none()))
      .def_prop_rw(
          "adapter",
          [](const PyPredictor& self) {
            return self.value.adapter() ? nb::object(to_python(self.value.adapter()->name())) : nb::none();
          },
          [](PyPredictor& self, nb::handle name) {
            self.value.set_adapter(name.is_none() ? nullptr : adapter(nb::cast<std::string>(name)));
          },
          nb::for_setter(nb::arg("name").none()))
      .def_prop_ro("native_signature",
                   [](const PyPredictor& self) {
                     return PySignature{.value = std::make_shared<const Signature>(self.value.signature()),
                                        .converters = self.converters};
                   })
      .def_prop_rw(
          "instructions", [](const PyPredictor& self) { return to_python(self.value.signature().instructions); },
          [](PyPredictor& self, std::string instructions) {
            self.value.set_signature(self.value.signature().with_instructions(std::move(instructions)));
          })
      .def_prop_ro("is_chain_of_thought", [](const PyPredictor& self) { return self.is_chain_of_thought; })
      .def("_set_config",
           [](PyPredictor& self, nb::handle settings) { self.value.set_sampling(to_sampling(settings)); })
      .def("_set_policy", [](PyPredictor& self,
                             nb::handle settings) { self.value.set_policy(policy_of(settings, self.value.policy())); })
      .def("_state", &state_of)
      .def_static("_from_state", &from_state)
      .def("_same_converters",
           [](PyPredictor& self, const PySignature& signature) { self.converters = signature.converters; });
}

}  // namespace dspy::python
