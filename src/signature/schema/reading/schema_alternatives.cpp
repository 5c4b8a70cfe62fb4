// Reads schemas that list alternatives: `anyOf`, `oneOf`, `enum`, `const`.

#include "dspy/base/json_pointer.hpp"
#include "schema_reader.hpp"
#include "schema_values.hpp"
#include "signature/notation/identifier.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::json_schema {

Type SchemaReader::of_alternatives(const Node& node, const Located& alternatives, std::string_view word) {
  const auto& items = array_at(alternatives, word);
  if (items.empty()) fail(alternatives.pointer, word, std::format("`{}` needs at least one alternative", word));
  const bool is_alone = node.properties.empty() && node.required.empty() &&
                        std::ranges::all_of(node.keywords, [](const auto& each) { return is_annotation(each.first); });
  std::vector<Type> types;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Located each{&items[i], step_into(alternatives.pointer, std::to_string(i))};
    if (is_alone) {
      if (items[i] != Json(false)) types.push_back(schema(each, {}, true));
      continue;
    }
    auto merged = nodes_.merge(nodes_.gather(each), node);
    if (!merged.is_never) types.push_back(of_node(std::move(merged)));
  }
  if (types.empty()) fail(alternatives.pointer, word, "has no alternative that a value could keep");
  if (word == "oneOf" && !are_disjoint(types))
    nodes_.note(alternatives.pointer, word, "a value that several alternatives accept is accepted, as with `anyOf`");
  return Type::union_of(std::move(types));
}

std::optional<Located> SchemaReader::take_values(Node& node) {
  std::optional<Located> values;
  if (const auto* found = node.find("enum")) {
    if (array_at(*found, "enum").empty()) fail(found->pointer, "enum", "`enum` needs at least one value");
    values = *found;
    node.keywords.erase("enum");
  }
  if (const auto* found = node.find("const")) {
    if (values && !std::ranges::contains(values->value->get_array(), *found->value))
      fail(found->pointer, "const", "contradicts `enum`; keep one of them");
    values = Located{&constants_.emplace_back(JsonArray{*found->value}), found->pointer};
    node.keywords.erase("const");
  }
  return values;
}

Type SchemaReader::only(const Type& type, const Located& values, const Node& node) {
  auto out = with_values(type, values.value->get_array());
  if (!out) fail(values.pointer, "enum", "has no value that keeps the rest of the schema");
  if (out->kind == Type::Kind::literal) {
    const auto* title = node.find("title");
    const auto* labels = node.find("x-labels");
    if (title != nullptr && title->value->is_string() && is_identifier(view(title->value->get_string())))
      out->name = view(title->value->get_string());
    if (labels != nullptr && labels->value->is_array() && labels->value->get_array().size() == out->choices.size())
      for (const auto& label : labels->value->get_array()) out->labels.push_back(shown_as_text(label));
  }
  return *std::move(out);
}

std::string SchemaReader::shown_as_text(const Json& value) {
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

}  // namespace dspy::json_schema
