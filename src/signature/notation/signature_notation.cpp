// Signatures written as notation.

#include "signature_notation.hpp"

#include "dspy/signature/signature.hpp"

namespace dspy {

std::string to_notation(const Signature& signature) {
  TypeNames names;
  for (const auto* const fields : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *fields) add_object_names(field.type, names);
  }
  const auto write = [&](const Type& type) { return to_notation(type, names); };
  std::string out;
  append_fields(out, signature.inputs, write);
  out += out.empty() ? "-> " : " -> ";
  append_fields(out, signature.outputs, write);
  return out;
}

}  // namespace dspy
