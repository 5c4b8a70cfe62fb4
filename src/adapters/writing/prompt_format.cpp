#include "adapters/writing/prompt_format.hpp"

#include "adapters/coercion/xml/xml_value.hpp"
#include "adapters/writing/type_notes.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/json_schema.hpp"
#include "signature/types/type_rules.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <vector>

namespace dspy {
namespace {

std::string field_list(std::string_view heading, const std::vector<Field>& fields) {
  std::string out(heading);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& field = fields[i];
    if (!out.empty()) out += '\n';
    std::format_to(std::back_inserter(out), "{}. `{}` ({}):", i + 1, field.name, annotation_name(field.type));
    if (const auto description = text::trim(field.description); !description.empty())
      out.append(" ").append(description);
  }
  return out;
}

/// True for an object, and for what has one among its parts.
bool holds_object(const Type& type) {
  return type.kind == Type::Kind::object || std::ranges::any_of(type.arguments, holds_object);
}

Json schema_of(const Type& type) {
  auto schema = to_json_schema(type).schema;
  schema.stable_erase("$schema");
  return schema;
}

}  // namespace

void append_paragraph(std::string& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.empty()) out += "\n\n";
  out += text;
}

std::string field_lists(const Signature& signature, std::string_view inputs, std::string_view outputs) {
  std::string out;
  if (!signature.inputs.empty()) append_paragraph(out, field_list(inputs, signature.inputs));
  append_paragraph(out, field_list(outputs, signature.outputs));
  return out;
}

void append_notes(std::string& out, const Field& field, Nesting nesting, Detail detail) {
  Notes notes(out);
  auto type = without_machine_bounds(field.type.required());
  const bool is_list = type.kind == Type::Kind::list || type.kind == Type::Kind::tuple;
  const bool is_nested = is_nested_xml(type);
  const bool has_object = holds_object(type);
  if (is_nested && nesting == Nesting::json) {
    type.limits = {.unique_items = type.limits->unique_items};  // the others follow in words
    if (has_object && detail == Detail::whole) {
      notes.next() += "JSON";
    } else {
      notes.next().append("JSON of the type ").append(has_object ? annotation_name(type) : to_notation(type));
    }
  } else if (is_nested) {
    notes.next() += is_list ? "an element <item> for each item" : "an element for each key, named as the key";
  } else {
    add_type_notes(notes, field);
  }
  if (has_object && detail == Detail::whole) append_text(out += ", as in the JSON Schema ", schema_of(type));
  if (is_nested) add_length_notes(notes, field);
  if (field.is_required()) return;
  if (!field.type.is_optional()) {
    notes.next() += "may be left out";
  } else if (nesting == Nesting::literal_elements) {
    notes.next().append("<").append(field.name).append("/> if there is none");
  } else {
    notes.next() += "None if there is none";
  }
}

void append_task(std::string& out, const Signature& signature, std::string_view heading) {
  const auto task = text::trim(signature.instructions);
  if (task.empty()) return;
  append_paragraph(out, heading);
  out.append(out.empty() ? "" : "\n").append(task);
}

std::string with_outputs(std::string request, std::string_view outputs) {
  constexpr std::string_view place = "{outputs}";
  if (const auto at = request.find(place); at != std::string::npos) request.replace(at, place.size(), outputs);
  return request;
}

}  // namespace dspy
