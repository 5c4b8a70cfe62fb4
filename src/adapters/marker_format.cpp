#include "adapters/marker_format.hpp"

#include "adapters/prompt_format.hpp"
#include "adapters/value_text.hpp"

namespace dspy {

void append_section(std::string& out, std::string_view name, std::string_view text) {
  append_paragraph(out, marker(name));
  out.append("\n").append(text);
}

void append_section(std::string& out, const Markers& markers, const Field& field, const Json& value) {
  append_section(out, field.name, {});
  const auto begin = out.size();
  append_value(out, field, value);
  if (out.find('[', begin) == std::string::npos) return;
  const auto text = out.substr(begin);
  out.resize(begin);
  append_escaping_markers(out, markers, text);
}

void append_sections(std::string& out, const Markers& markers, const std::vector<Field>& fields,
                     const JsonObject& data) {
  for (const auto& field : fields) {
    if (const auto* const value = data.if_contains(field.name)) append_section(out, markers, field, *value);
  }
}

std::string structure_of(const std::vector<Field>& fields, const Signature& signature) {
  std::string out;
  for (const auto& field : fields) {
    append_section(out, field.name, "{" + field.name + "}");
    if (&fields == &signature.outputs) append_notes(out, field);
  }
  return out;
}

}  // namespace dspy
