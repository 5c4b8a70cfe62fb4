// Reads what `type` says: scalars, texts with their formats, lists and tuples.

#include "dspy/base/error.hpp"
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

Type SchemaReader::of_kinds(const Node& node) {
  const auto kinds = kinds_of(node);
  const bool is_typed = node.find("type") != nullptr;
  auto& open = open_.back();
  const auto kind_count = kinds.size() - (std::ranges::contains(kinds, std::string_view("null")) ? 1 : 0);
  const bool is_object = kind_count == 1 && std::ranges::contains(kinds, std::string_view("object"));
  // Alternatives of a definition are not the definition itself.
  const bool is_own = node.pointer == open.pointers.back();
  open.is_object = is_own && is_object;
  open.is_nullable = is_own && kinds.size() > 1;
  if (!is_typed && !says_something(node)) return Type::any();

  std::vector<Type> types;
  for (const auto kind : kinds) {
    if (kind == "null") types.push_back({.kind = Type::Kind::null_});
    if (kind == "boolean") types.push_back(Type::boolean());
    if (kind == "integer") types.push_back(with(node, Type::integer(), read_number_limits(node)));
    if (kind == "number") types.push_back(with(node, Type::number(), read_number_limits(node)));
    if (kind == "string") types.push_back(of_text(node));
    if (kind == "array") types.push_back(of_list(node));
    if (kind == "object") types.push_back(of_object(node, is_object));
  }
  if (!is_typed)
    nodes_.note(node.pointer, "type", "there is no `type`, so values of other types are accepted too; add one");
  return Type::union_of(std::move(types));
}

Type SchemaReader::with(const Node& node, Type type, const Limits& limits) {
  if (limits == Limits()) return type;
  try {
    return with_limits(type, limits);
  } catch (const Error& error) {
    nodes_.unsupported(node.pointer, "format", error.what());
    return type;
  }
}

Type SchemaReader::of_text(const Node& node) {
  auto type = Type::string();
  if (const auto* format = node.find("format")) {
    const auto word = text_of(*format, "format");
    const auto kind = kind_of_format(word);
    if (kind) {
      type.kind = *kind;
    } else {
      nodes_.note(format->pointer, "format", std::format("the format `{}` is not checked", word));
    }
  }
  if (const auto* encoding = node.find("contentEncoding")) {
    const auto word = text_of(*encoding, "contentEncoding");
    if (word == "base64" && type.kind == Type::Kind::string) {
      type.kind = Type::Kind::bytes;
    } else {
      nodes_.note(encoding->pointer, "contentEncoding", std::format("the encoding `{}` is not checked", word));
    }
  }
  auto limits = read_text_limits(node);
  if (type.kind == Type::Kind::bytes && (limits.min_length || limits.max_length)) {
    nodes_.unsupported(node.pointer, "minLength", "`minLength` and `maxLength` of base64 count characters, not bytes");
    limits.min_length = limits.max_length = {};
  }
  return with(node, std::move(type), limits);
}

Type SchemaReader::of_list(const Node& node) {
  const auto limits = read_list_limits(node);
  const auto* first = node.find("prefixItems");
  const auto* items = node.find("items");
  if (items != nullptr && items->value->is_array())
    fail(items->pointer, "items", "`items` must be one schema; the schemas of the first items stand in `prefixItems`");
  if (first != nullptr) return of_tuple(*first, items, limits);
  if (items != nullptr && *items->value == Json(false) && limits.min_length.value_or(0) == 0) return Type::tuple({});
  return with(node, Type::list(items == nullptr ? Type::any() : schema(*items, {}, false)), limits);
}

Type SchemaReader::of_tuple(const Located& first, const Located* items, const Limits& limits) {
  const auto& schemas = array_at(first, "prefixItems");
  const bool is_closed = (items != nullptr && *items->value == Json(false)) || limits.max_length == schemas.size();
  if (!is_closed || limits.min_length != schemas.size() || limits.unique_items)
    nodes_.unsupported(first.pointer, "prefixItems",
                       std::format("a type cannot say `prefixItems` of a list that may be shorter or longer; add "
                                   "`\"minItems\": {0}, \"maxItems\": {0}`",
                                   schemas.size()));
  std::vector<Type> types;
  for (std::size_t i = 0; i < schemas.size(); ++i)
    types.push_back(schema({&schemas[i], step_into(first.pointer, std::to_string(i))}, {}, false));
  return Type::tuple(std::move(types));
}

}  // namespace dspy::json_schema
