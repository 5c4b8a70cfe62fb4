#include "values.hpp"

#include "dspy/base/usage.hpp"
#include "json.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <format>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::python {
namespace {

nb::object converted(const PyPrediction& self, std::string_view name, const Json& value) {
  auto plain = to_python(value);
  if (!self.converters.is_set()) return plain;
  PyObject* const convert = PyDict_GetItem(self.converters.get().ptr(), to_python(name).ptr());
  return convert == nullptr ? plain : nb::handle(convert)(plain);
}

std::string names_of(const JsonObject& data) {
  std::string names;
  for (const auto& [name, value] : data)
    names += std::format("{}`{}`", names.empty() ? "" : ", ", std::string_view(name));
  return names.empty() ? "none" : names;
}

[[noreturn]] void raise(PyObject* kind, const std::string& message) {
  PyErr_SetString(kind, message.c_str());
  throw nb::python_error();
}

nb::dict values_of(const PyPrediction& self) {
  nb::dict out;
  for (const auto& [name, value] : self.value.data)
    out[to_python(std::string_view(name))] = converted(self, name, value);
  return out;
}

nb::dict info_of(const PyPrediction& self) {
  const auto& made = self.value;
  nb::dict out;
  out["usage"] = to_python(to_json(made.lm_usage));
  nb::list flags, failures;
  for (const auto& flag : made.flags) {
    nb::dict row;
    row["field"] = to_python(flag.field);
    row["repair"] = to_python(flag.repair);
    flags.append(row);
  }
  for (const auto& failure : made.failures) {
    nb::dict row;
    row["adapter"] = to_python(failure.adapter);
    row["completion"] = to_python(failure.completion);
    row["reason"] = to_python(failure.reason);
    row["violations"] = to_python(Json(to_json(failure.violations)));
    failures.append(row);
  }
  out["flags"] = flags;
  out["failures"] = failures;
  out["completion"] = to_python(made.completion);
  out["reasoning"] = to_python(made.reasoning);
  out["adapter"] = to_python(made.adapter);
  out["violations"] = to_python(Json(to_json(made.violations)));
  out["unenforced"] = nb::cast(made.unenforced);
  nb::dict probabilities;
  for (const auto& [name, value] : made.probabilities) probabilities[to_python(name)] = value;
  out["probabilities"] = probabilities;
  return out;
}

std::vector<std::string> keys_of(const JsonObject& data) {
  std::vector<std::string> names;
  for (const auto& [name, value] : data) names.emplace_back(name);
  return names;
}

Example with_inputs(Example example, const nb::args& names) {
  std::vector<std::string> inputs;
  for (const auto name : names) inputs.push_back(nb::cast<std::string>(name));
  for (const auto& name : inputs) {
    if (example.get(name) == nullptr)
      throw Error(Errc::bad_input,
                  std::format("the example has no value `{}` to be an input; it has {}", name, names_of(example.data)));
  }
  return {std::move(example.data), std::move(inputs)};
}

void bind_example(nb::module_& m) {
  nb::class_<Example>(m, "Example",
                      "A row of data: values by name, and which of them are inputs.\n\n"
                      "    Example(question='2+2?', answer='4').with_inputs('question')")
      .def("__init__",
           [](Example* self, const nb::args& base, const nb::kwargs& values) {
             if (base.size() > 1) throw nb::type_error("Example takes one mapping, and values by name");
             auto made = base.size() == 1 ? to_example(base[0]) : Example();
             for (const auto& [name, value] : to_json_object(values, "the values")) made.set(name, value);
             new (self) Example(std::move(made));
           })
      .def("__getattr__",
           [](const Example& self, const std::string& name) {
             if (const auto* const value = self.get(name)) return to_python(*value);
             raise(PyExc_AttributeError,
                   std::format("the example has no value `{}`; it has {}", name, names_of(self.data)));
           })
      .def("__getitem__",
           [](const Example& self, const std::string& name) {
             if (const auto* const value = self.get(name)) return to_python(*value);
             raise(PyExc_KeyError, name);
           })
      .def("__setitem__",
           [](Example& self, const std::string& name, nb::handle value) { self.set(name, to_json(value)); })
      .def("__contains__", [](const Example& self, const std::string& name) { return self.get(name) != nullptr; })
      .def("__len__", [](const Example& self) { return self.data.size(); })
      .def("__eq__", [](const Example& self, const Example& other) { return self.data == other.data; })
      .def("__eq__", [](const Example&, nb::handle) { return false; })
      .def("__hash__",
           [](const Example& self) {
             auto names = keys_of(self.data);
             std::ranges::sort(names);
             std::string text;
             for (const auto& name : names) text += name + '\0' + to_text(self.data.at(name));
             return std::hash<std::string>()(text);
           })
      .def("__repr__",
           [](const Example& self) {
             return std::format("Example({}) (inputs: {})", to_text(Json(self.data)),
                                to_text(Json(JsonArray(self.input_keys.begin(), self.input_keys.end()))));
           })
      .def("__reduce__",
           [](nb::handle self) {
             const auto& example = nb::cast<const Example&>(self);
             return nb::make_tuple(nb::module_::import_("dspy_cpp._values").attr("example"),
                                   nb::make_tuple(to_python(example.data), nb::cast(example.input_keys)));
           })
      .def("keys", [](const Example& self) { return keys_of(self.data); })
      .def("values", [](const Example& self) { return nb::list(to_python(self.data).values()); })
      .def("items", [](const Example& self) { return nb::list(to_python(self.data).items()); })
      .def(
          "get",
          [](const Example& self, const std::string& name, nb::object otherwise) {
            const auto* const value = self.get(name);
            return value != nullptr ? to_python(*value) : otherwise;
          },
          nb::arg("name"), nb::arg("default") = nb::none())
      .def(
          "toDict", [](const Example& self) { return to_python(self.data); }, "The values, as a dict.")
      .def("with_inputs", &with_inputs, "A copy in which these values, and no others, are inputs.")
      .def(
          "inputs", [](const Example& self) { return Example(self.inputs(), self.input_keys, {}); },
          "The inputs alone.")
      .def(
          "labels", [](const Example& self) { return Example(self.outputs(), {}, self.output_keys); },
          "The outputs alone.")
      .def("copy",
           [](const Example& self, const nb::kwargs& values) {
             auto made = self;
             for (const auto& [name, value] : to_json_object(values, "the values")) made.set(name, value);
             return made;
           })
      .def("without",
           [](const Example& self, const nb::args& names) {
             auto made = self;
             for (const auto name : names) {
               const auto text = nb::cast<std::string>(name);
               made.data.erase(text);
               std::erase(made.input_keys, text);
               std::erase(made.output_keys, text);
             }
             return made;
           })
      .def_prop_ro("input_keys", [](const Example& self) { return self.input_keys; });
  m.def("_example", [](nb::handle data, std::vector<std::string> inputs) {
    return Example(to_json_object(data, "an example's data"), std::move(inputs));
  });
}

void bind_prediction(nb::module_& m) {
  nb::class_<PyPrediction>(
      m, "Prediction",
      "What a program returns: its outputs as attributes. `info` has what is known about how they\n"
      "came to be: usage, repairs, refused replies, probabilities.")
      .def("__init__",
           [](PyPrediction* self, const nb::kwargs& values) {
             new (self) PyPrediction{.value = {.data = to_json_object(values, "the outputs")}};
           })
      .def("__getattr__",
           [](const PyPrediction& self, const std::string& name) {
             if (const auto* const value = self.value.get(name)) return converted(self, name, *value);
             raise(PyExc_AttributeError,
                   std::format("the prediction has no output `{}`; it has {}", name, names_of(self.value.data)));
           })
      .def("__getitem__",
           [](const PyPrediction& self, const std::string& name) {
             if (const auto* const value = self.value.get(name)) return converted(self, name, *value);
             raise(PyExc_KeyError, name);
           })
      .def("__contains__",
           [](const PyPrediction& self, const std::string& name) { return self.value.get(name) != nullptr; })
      .def("__len__", [](const PyPrediction& self) { return self.value.data.size(); })
      .def("__repr__", [](const PyPrediction& self) { return "Prediction(" + to_text(Json(self.value.data)) + ")"; })
      .def("__reduce__",
           [](nb::handle self) {
             const auto& made = nb::cast<const PyPrediction&>(self);
             return nb::make_tuple(nb::module_::import_("dspy_cpp._values").attr("prediction"),
                                   nb::make_tuple(to_python(made.value.data), to_python(to_json(made.value.lm_usage))));
           })
      .def("keys", [](const PyPrediction& self) { return keys_of(self.value.data); })
      .def("values", [](const PyPrediction& self) { return nb::list(values_of(self).values()); })
      .def("items", [](const PyPrediction& self) { return nb::list(values_of(self).items()); })
      .def(
          "get",
          [](const PyPrediction& self, const std::string& name, nb::object otherwise) {
            const auto* const value = self.value.get(name);
            return value != nullptr ? converted(self, name, *value) : otherwise;
          },
          nb::arg("name"), nb::arg("default") = nb::none())
      .def("toDict", &values_of, "The outputs, as a dict.")
      .def(
          "get_lm_usage", [](const PyPrediction& self) { return to_python(to_json(self.value.lm_usage)); },
          "Tokens and requests. A count that nobody gave is absent.")
      .def_prop_ro("info", &info_of);
  m.def("_prediction", [](nb::handle data, nb::handle usage) {
    return PyPrediction{.value = {.data = to_json_object(data, "a prediction's data"),
                                  .lm_usage = usage_from_json(to_json_object(usage, "its usage"))}};
  });
}

}  // namespace

nb::object wrap(Prediction prediction, const Held& converters) {
  return nb::cast(PyPrediction{.value = std::move(prediction), .converters = converters});
}

Example to_example(nb::handle value) {
  if (nb::isinstance<Example>(value)) return nb::cast<const Example&>(value);
  if (nb::isinstance<PyPrediction>(value)) return {nb::cast<const PyPrediction&>(value).value.data, {}};
  // An example of Python DSPy, which says which of its values are inputs.
  if (nb::hasattr(value, "toDict")) {
    std::vector<std::string> inputs;
    const nb::object keys = nb::getattr(value, "_input_keys", nb::none());
    if (!keys.is_none()) {
      for (const auto key : keys) inputs.push_back(nb::cast<std::string>(key));
    }
    return {to_json_object(value.attr("toDict")(), "an example"), std::move(inputs)};
  }
  return {to_json_object(value, "an example"), {}};
}

std::vector<Example> to_examples(nb::handle values) {
  std::vector<Example> out;
  for (const auto value : nb::borrow<nb::object>(values)) out.push_back(to_example(value));
  return out;
}

Prediction to_prediction(nb::handle value) {
  if (nb::isinstance<PyPrediction>(value)) return nb::cast<const PyPrediction&>(value).value;
  if (PyDict_Check(value.ptr()) == 0 && !nb::hasattr(value, "toDict"))
    throw Error(Errc::bad_input,
                "a program returns a Prediction or a dict of its outputs; this one returned something else");
  return {.data = to_json_object(nb::hasattr(value, "toDict") ? nb::object(value.attr("toDict")()) : nb::borrow(value),
                                 "what the program returned")};
}

void bind_values(nb::module_& m) {
  bind_example(m);
  bind_prediction(m);
}

}  // namespace dspy::python
