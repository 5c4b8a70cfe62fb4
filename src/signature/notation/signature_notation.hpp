#pragma once

#include "notation.hpp"

#include <string>
#include <vector>

namespace dspy {

/// Appends `name: type = default, …`; `write` returns the text of a type.
template <class Write>
void append_fields(std::string& out, const std::vector<Field>& fields, Write write) {
  bool first = true;
  for (const auto& field : fields) {
    if (!first) out += ", ";
    first = false;
    out += field.name;
    out += ": ";
    out += write(field.type);
    append_default(out, field);
  }
}

}  // namespace dspy
