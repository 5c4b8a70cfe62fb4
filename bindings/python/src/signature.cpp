#include "signature.hpp"

#include "dspy/signature/json_schema.hpp"
#include "dspy/signature/type.hpp"
#include "json.hpp"

#include <nanobind/stl/string.h>

#include <format>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace dspy::python {
namespace {

std::string text_at(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

/// A type that `_types.py` described: `{"schema": …}`, or `{"enum": name, "choices": […], "labels": […]}`.
Type named_type(const JsonObject& described) {
  if (const auto* const schema = described.if_contains("schema")) return from_json_schema(*schema).type;
  const auto& choices = described.at("choices").as_array();
  std::vector<std::string> labels;
  for (const auto& label : described.at("labels").as_array()) labels.emplace_back(view(label.as_string()));
  return Type::enumeration(text_at(described, "enum"), {choices.begin(), choices.end()}, std::move(labels));
}

Field field_of(const JsonObject& described, const NamedTypes& names) {
  auto field = make_field(text_at(described, "name"), Type::parse(text_at(described, "type"), names),
                          text_at(described, "description"));
  if (auto label = text_at(described, "label"); !label.empty()) field.label = std::move(label);
  if (const auto* const value = described.if_contains("default")) field.default_value = *value;
  return field;
}

Signature described(const JsonObject& whole) {
  NamedTypes names;
  for (const auto& [name, type] : whole.at("names").as_object()) names.emplace(name, named_type(type.as_object()));
  Signature out{.instructions = text_at(whole, "instructions")};
  for (const auto& field : whole.at("inputs").as_array()) out.inputs.push_back(field_of(field.as_object(), names));
  for (const auto& field : whole.at("outputs").as_array()) out.outputs.push_back(field_of(field.as_object(), names));
  validate(out);
  return out;
}

nb::dict field_info(const Field& field) {
  nb::dict out;
  out["name"] = to_python(field.name);
  out["type"] = to_python(to_notation(field.type));
  out["description"] = to_python(field.description);
  out["label"] = to_python(field.label);
  if (field.default_value) out["default"] = to_python(*field.default_value);
  auto schema = to_json_schema(field.type).schema;
  schema.erase("$schema");  // it stands within others
  out["schema"] = to_python(schema);
  return out;
}

nb::list fields_info(const std::vector<Field>& fields) {
  nb::list out;
  for (const auto& field : fields) out.append(field_info(field));
  return out;
}

}  // namespace

PySignature to_signature(nb::handle value) {
  if (nb::isinstance<PySignature>(value)) return nb::cast<const PySignature&>(value);
  if (PyUnicode_Check(value.ptr()) != 0)
    return {.value = std::make_shared<const Signature>(Signature::parse(nb::cast<std::string>(value)))};
  const nb::object made = nb::module_::import_("dspy_cpp._signatures").attr("native_signature")(value);
  return nb::cast<const PySignature&>(made);
}

void bind_signature(nb::module_& m) {
  nb::class_<PySignature>(m, "NativeSignature", "A signature as the library has it; a value.")
      .def(
          "__init__",
          [](PySignature* self, const std::string& notation, const std::string& instructions) {
            new (self)
                PySignature{.value = std::make_shared<const Signature>(Signature::parse(notation, instructions))};
          },
          nb::arg("notation"), nb::arg("instructions") = "")
      .def_static(
          "describe",
          [](nb::handle whole, nb::object converters) {
            PySignature out{.value = std::make_shared<const Signature>(
                                described(to_json_object(whole, "the description of a signature")))};
            if (!converters.is_none() && nb::len(converters) > 0) out.converters = Held(std::move(converters));
            return out;
          },
          nb::arg("whole"), nb::arg("converters").none())
      .def_prop_ro("instructions", [](const PySignature& self) { return to_python(self.value->instructions); })
      .def_prop_ro("inputs", [](const PySignature& self) { return fields_info(self.value->inputs); })
      .def_prop_ro("outputs", [](const PySignature& self) { return fields_info(self.value->outputs); })
      .def_prop_ro("notation", [](const PySignature& self) { return to_notation(*self.value); })
      .def(
          "output_schema", [](const PySignature& self) { return to_python(to_json_schema(*self.value).schema); },
          "The JSON Schema of the outputs.")
      .def("with_instructions",
           [](const PySignature& self, std::string instructions) {
             return PySignature{
                 .value = std::make_shared<const Signature>(self.value->with_instructions(std::move(instructions))),
                 .converters = self.converters};
           })
      .def("__eq__", [](const PySignature& self, const PySignature& other) { return *self.value == *other.value; })
      .def("__eq__", [](const PySignature&, nb::handle) { return false; })
      .def("__repr__", [](const PySignature& self) { return "Signature(" + to_notation(*self.value) + ")"; });
}

}  // namespace dspy::python
