#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "json.hpp"
#include "signature.hpp"
#include "values.hpp"

#include <nanobind/stl/string.h>

#include <memory>
#include <new>
#include <string>
#include <utility>

namespace dspy::python {
namespace {

struct PyAdapter {
  std::shared_ptr<const Adapter> value;
};

nb::list messages_of(const Chat& chat) {
  nb::list out;
  for (const auto& message : chat) out.append(to_python(to_json(message)));
  return out;
}

std::vector<Example> sided(const Signature& signature, nb::handle rows) {
  std::vector<Example> out;
  for (auto& row : to_examples(rows)) out.emplace_back(std::move(row.data), signature);
  return out;
}

nb::list render(const PyAdapter& self, nb::handle signature, nb::handle inputs, nb::handle demos, nb::handle history) {
  const auto asked = to_signature(signature);
  const auto values = checked_inputs(*asked.value, to_json_object(inputs, "the inputs"));
  const auto shown = sided(*asked.value, demos), earlier = sided(*asked.value, history);
  return messages_of(self.value->prepare(asked.value, shown)->format(values, earlier));
}

nb::object parse(const PyAdapter& self, nb::handle signature, const std::string& completion) {
  const auto asked = to_signature(signature);
  auto reading = self.value->prepare(asked.value)->parse(completion);
  if (!reading) throw to_error(reading.error());
  auto outputs = fit(*asked.value, std::move(reading->outputs));
  if (!outputs)
    throw Error(Errc::parse_error, to_sentence(outputs.error()), {.violations = outputs.error(), .raw = completion});
  return wrap({.data = *std::move(outputs),
               .flags = std::move(reading->flags),
               .completion = completion,
               .adapter = std::string(self.value->name())},
              asked.converters);
}

}  // namespace

void bind_adapters(nb::module_& m) {
  nb::class_<PyAdapter>(
      m, "Adapter",
      "Writes prompts and reads replies: `field`, `chat`, `json`, `xml` or `two_step`; `chat`, `json`\n"
      "and `xml` may have a version of DSPy behind them, `chat@dspy-3.3`.")
      .def(
          "__init__", [](PyAdapter* self, const std::string& name) { new (self) PyAdapter{adapter(name)}; },
          nb::arg("name"))
      .def_prop_ro("name", [](const PyAdapter& self) { return to_python(self.value->name()); })
      .def("render", &render, nb::arg("signature"), nb::arg("inputs"), nb::arg("demos") = nb::tuple(),
           nb::arg("history") = nb::tuple(), "The messages that ask for the outputs.")
      .def("parse", &parse, nb::arg("signature"), nb::arg("completion"),
           "The outputs that a reply holds, as a Prediction. Raises ParseError with what could be read.");
}

}  // namespace dspy::python
