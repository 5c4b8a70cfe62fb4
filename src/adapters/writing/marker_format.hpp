#pragma once

#include "adapters/sections/markers.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/signature.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Appends a section, with an empty line before it unless it is the first of `out`.
void append_output_section(std::string& out, const Markers& markers, const Field& field, const Json& value);

/// Appends a section whose text is the prompt's own.
void append_section(std::string& out, std::string_view name, std::string_view text);

/// Appends a section for each of the fields that `data` has.
void append_sections(std::string& out, const Markers& markers, const std::vector<Field>& fields,
                     const JsonObject& data);

/// The sections of the fields, a side of the signature, with the fields' names in braces for
/// values, and for outputs what is asked of them.
std::string structure_of(const std::vector<Field>& fields, const Signature& signature);

}  // namespace dspy
