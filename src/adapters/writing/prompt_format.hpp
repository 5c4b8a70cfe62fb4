#pragma once

#include "dspy/signature/signature.hpp"

#include <string>
#include <string_view>

namespace dspy {

// The pieces that the prompts of `ChatAdapter`, `JsonAdapter` and `XmlAdapter` have in common.

/// Appends a text with an empty line before it unless it is the first; nothing if it is empty.
void append_paragraph(std::string& out, std::string_view text);

/// Both sides of the signature under their headings: ``1. `name` (type): description``, a line each.
std::string field_lists(const Signature& signature, std::string_view inputs, std::string_view outputs);

/// How lists and objects are written, and missing values: `None`, or an element that closes itself.
enum class Nesting { json, elements, literal_elements };

/// How much is said of a value that is, or holds, an object: its JSON Schema, or its type's name.
enum class Detail { whole, name };

/// Appends what a value of the output must be like, beyond its type's name, in parentheses.
void append_notes(std::string& out, const Field& field, Nesting nesting = Nesting::json, Detail detail = Detail::whole);

/// Appends the instructions under their heading; nothing if there are none.
void append_task(std::string& out, const Signature& signature, std::string_view heading);

/// The outputs in order, as `name` writes them, with their notes in brief: `` `a`, then `b` (a whole number)``.
template <class F>
std::string list_outputs(const Signature& signature, F&& name, Nesting nesting = Nesting::json) {
  std::string out;
  for (const auto& field : signature.outputs) {
    if (!out.empty()) out += ", then ";
    out.append("`").append(name(field)).append("`");
    append_notes(out, field, nesting, Detail::name);
  }
  return out;
}

/// A request with `outputs` where it says `{outputs}`.
std::string with_outputs(std::string request, std::string_view outputs);

}  // namespace dspy
