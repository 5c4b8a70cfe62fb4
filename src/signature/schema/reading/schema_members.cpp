// Reads schemas of objects: named members, keys, and all other members.

#include "dspy/base/json_pointer.hpp"
#include "schema_reader.hpp"
#include "schema_values.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::json_schema {

Type SchemaReader::of_object(const Node& node, bool may_be_referred_to) {
  const auto limits = read_object_limits(node);
  const auto* other = node.find("additionalProperties");
  const bool is_closed = other != nullptr && *other->value == Json(false);
  if (node.properties.empty() && node.required.empty() && !is_closed) {
    auto value = other == nullptr ? Type::any() : schema(*other, {}, false);
    auto key = Type::string();
    if (const auto* names = node.find("propertyNames")) key = of_names(*names);
    return with(node, Type::dict(std::move(key), std::move(value)), limits);
  }
  if (const auto* names = node.find("propertyNames"))
    nodes_.unsupported(names->pointer, "propertyNames", "`propertyNames` beside named members; name all of them");

  std::vector<Field> members;
  for (const auto& [name, property] : node.properties) {
    if (*property.value == Json(false) && is_closed && !std::ranges::contains(node.required, name)) continue;
    members.push_back(member(name, property, std::ranges::contains(node.required, name)));
  }
  for (const auto& name : node.required) {
    if (std::ranges::contains(members, name, &Field::name)) continue;
    if (is_closed)
      fail(node.pointer, "required", std::format("requires the member `{}`, which it does not allow", name));
    members.push_back(make_member(name, other == nullptr ? Type::any() : schema(*other, {}, false)));
  }
  check_count(node, limits, members, is_closed);
  auto object = Type::object(may_be_referred_to ? open_.back().name : std::string(), std::move(members));
  if (!is_closed) object.arguments.push_back(other == nullptr ? Type::any() : schema(*other, {}, false));
  return object;
}

void SchemaReader::check_count(const Node& node, const Limits& limits, const std::vector<Field>& members,
                               bool is_closed) {
  const auto always = node.required.size();
  if (limits.min_length && *limits.min_length > always)
    nodes_.unsupported(node.pointer, "minProperties",
                       "`minProperties` beside named members; make the members required");
  if (limits.max_length && (!is_closed || *limits.max_length < members.size()))
    nodes_.unsupported(node.pointer, "maxProperties",
                       "`maxProperties` beside named members; use `\"additionalProperties\": false`");
}

Type SchemaReader::of_names(const Located& names) {
  const auto node = nodes_.gather(names);
  if (const auto* pattern = node.find("pattern"); pattern != nullptr && *pattern->value == Json(integer_keys))
    return Type::integer();
  Node text = node;
  static const Json string("string");
  text.keywords.try_emplace("type", Located{&string, names.pointer});
  auto type = of_node(std::move(text));
  if (type.kind == Type::Kind::string || type.kind == Type::Kind::literal) return type;
  nodes_.unsupported(names.pointer, "propertyNames", std::format("keys of the type `{}`", annotation_name(type)));
  return Type::string();
}

Field SchemaReader::member(const std::string& name, const Located& property, bool is_required) {
  auto type = schema(property, {}, true);
  auto field = make_member(name, std::move(type));
  if (const auto* text = annotation(property, "description"); text != nullptr && text->is_string())
    field.description = view(text->get_string());
  const auto* title = annotation(property, "title");
  if (title != nullptr && title->is_string() && field.type.required().name.empty())
    set_label(field, view(title->get_string()));
  if (const auto* value = annotation(property, "default")) {
    if (const auto fitted = fit(field.type, *value); !fitted) {
      nodes_.note(step_into(property.pointer, "default"), "default",
                  std::format("left out: the default {}", to_sentence(fitted.error(), "value")));
    } else if (!fitted->is_null()) {
      field.default_value = *fitted;
    }
  }
  if (is_required && !field.is_required())
    nodes_.note(property.pointer, "required", "the member may be absent, which stands for its default or null");
  if (!is_required && field.is_required()) {
    field.type = Type::optional(std::move(field.type));
    nodes_.note(property.pointer, "required", "the member may be null, which stands for its absence");
  }
  return field;
}

const Json* SchemaReader::annotation(Located at, std::string_view word) {
  for (int hops = 0; hops < deepest; ++hops) {
    const auto* members = at.value->if_object();
    if (members == nullptr) return nullptr;
    if (const auto* found = members->if_contains(word)) return found;
    const auto* ref = only_reference(at);
    if (ref == nullptr) return nullptr;
    at = nodes_.resolve({ref, at.pointer});
  }
  return nullptr;
}

}  // namespace dspy::json_schema
