#pragma once

#include "bind.hpp"
#include "dspy/base/json.hpp"

namespace dspy::python {

/// The JSON that stands for a Python value.  Plain values are read here; pydantic models, dataclasses, enumerations,
/// dates, bytes and NumPy's scalars by `dspy_cpp._values.plain`.  Throws `Error` (`bad_input`) for what JSON cannot
/// say: an integer beyond 64 bits, a float that is not a number, text that is not Unicode, and types that nobody knows.
Json to_json(nb::handle value);
/// The same of a mapping.  Throws `Error` (`bad_input`) for anything else; `what` names it.
JsonObject to_json_object(nb::handle value, const char* what);

nb::object to_python(const Json& value);
nb::dict to_python(const JsonObject& value);

nb::str to_python(std::string_view text);

}  // namespace dspy::python
