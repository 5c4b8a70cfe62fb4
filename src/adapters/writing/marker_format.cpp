#include "adapters/writing/marker_format.hpp"

#include "adapters/writing/clear_text.hpp"
#include "adapters/writing/prompt_format.hpp"
#include "adapters/writing/value_text.hpp"
#include "dspy/lm/reply_notation.hpp"

namespace dspy {

void append_section(std::string& out, std::string_view name, std::string_view text) {
  append_paragraph(out, marker(name));
  out.append("\n").append(text);
}

namespace {

/// Appends a section; `append_text_of` appends its text.
template <class F>
void append_section_of(std::string& out, const Markers& markers, const Field& field, F&& append_text_of) {
  append_section(out, field.name, {});
  const auto begin = out.size();
  append_text_of(out);
  if (out.find('[', begin) == std::string::npos) return;
  const auto text = out.substr(begin);
  out.resize(begin);
  append_escaping_markers(out, markers, text);
}

}  // namespace

void append_output_section(std::string& out, const Markers& markers, const Field& field, const Json& value) {
  append_section_of(out, markers, field, [&](std::string& section) {
    const auto begin = section.size();
    append_value(section, field, value);
    if (const auto clear = clear_text(field.name, field.type, value, std::string_view(section).substr(begin)))
      section.replace(begin, std::string::npos, *clear);
  });
}

void append_sections(std::string& out, const Markers& markers, const std::vector<Field>& fields,
                     const JsonObject& data) {
  for (const auto& field : fields) {
    if (const auto* const value = data.if_contains(field.name)) {
      append_section_of(out, markers, field, [&](std::string& section) { append_value(section, field, *value); });
    }
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
