#include "adapters/chat_format.hpp"

#include "adapters/type_notes.hpp"
#include "adapters/value_text.hpp"
#include "dspy/base/text.hpp"

#include <format>

namespace dspy {
namespace {

void append_paragraph(std::string& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.empty()) out += "\n\n";
  out += text;
}

/// ``1. `name` (type): description``, a line each.
std::string field_list(std::string_view heading, const std::vector<Field>& fields) {
  std::string out(heading);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& field = fields[i];
    if (!out.empty()) out += '\n';
    out += std::format("{}. `{}` ({}):", i + 1, field.name, to_notation(field.type));
    if (const auto description = text::trim(field.description); !description.empty())
      out.append(" ").append(description);
  }
  return out;
}

/// What an output's value must be like, beyond its type's name.
void append_notes(std::string& out, const Field& field) {
  Notes notes(out);
  const auto kind = field.type.required().kind;
  if (kind == Type::Kind::list || kind == Type::Kind::dict) {
    notes.next().append("JSON of the type ").append(to_notation(field.type.required()));
    add_length_notes(notes, field);
  } else {
    add_type_notes(notes, field);
  }
  if (!field.is_required()) notes.next() += field.type.is_optional() ? "None if there is none" : "may be left out";
}

/// The sections, with the fields' names in braces for values.
std::string sections_of(const Signature& signature) {
  std::string out;
  for (const auto& field : signature.inputs) append_section(out, field.name, "{" + field.name + "}");
  for (const auto& field : signature.outputs) {
    append_section(out, field.name, "{" + field.name + "}");
    append_notes(out, field);
  }
  out += "\n\n";
  append_marker(out, completed_name);
  return out;
}

}  // namespace

std::string chat_system_text(const Signature& signature, const ChatTexts& texts) {
  std::string out;
  if (!signature.inputs.empty()) append_paragraph(out, field_list(texts.inputs, signature.inputs));
  append_paragraph(out, field_list(texts.outputs, signature.outputs));
  append_paragraph(out, texts.structure);
  append_paragraph(out, sections_of(signature));
  if (const auto task = text::trim(signature.instructions); !task.empty()) {
    append_paragraph(out, texts.task);
    out.append("\n").append(task);
  }
  return out;
}

std::string chat_request_text(const Signature& signature, const ChatTexts& texts) {
  std::string outputs;
  for (const auto& field : signature.outputs) {
    if (!outputs.empty()) outputs += ", then ";
    outputs += '`';
    append_marker(outputs, field.name);
    outputs += '`';
    append_notes(outputs, field);
  }
  outputs += ", and end with `";
  append_marker(outputs, completed_name);
  outputs += '`';

  constexpr std::string_view place = "{outputs}";
  auto out = texts.request;
  if (const auto at = out.find(place); at != std::string::npos) out.replace(at, place.size(), outputs);
  return out;
}

void append_section(std::string& out, std::string_view name, std::string_view text) {
  if (!out.empty()) out += "\n\n";
  append_marker(out, name);
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

void append_completed(std::string& out) {
  if (!out.empty()) out += "\n\n";
  append_marker(out, completed_name);
  out += '\n';
}

}  // namespace dspy
