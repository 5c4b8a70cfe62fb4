#pragma once

#include "schema_node.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Steps of reading a JSON Schema that look at one keyword, or at finished types.

namespace dspy::json_schema {

/// The pattern of keys that are integers.
inline constexpr std::string_view integer_keys = "^(0|-?[1-9][0-9]*)$";

// Limits from the keywords of a node, checked for their own types.
Limits read_number_limits(const Node& node);
Limits read_text_limits(const Node& node);
Limits read_list_limits(const Node& node);
Limits read_object_limits(const Node& node);

/// The names under `type`, each once and known, without an `integer` beside `number`; all, if there is none.
std::vector<std::string_view> kinds_of(const Node& node);

/// True if a keyword of the node constrains values.
bool says_something(const Node& node);

std::string_view text_of(const Located& keyword, std::string_view name);

/// The kind of type that texts of a format have.
std::optional<Type::Kind> kind_of_format(std::string_view format);

/// The values among `values` that have `type`, as a type of their own; nothing if there is none.
std::optional<Type> with_values(const Type& type, const JsonArray& values);

/// True if no value has two of the types.
bool are_disjoint(const std::vector<Type>& types);

/// Words as the name of a type: `support ticket` → `SupportTicket`; empty if nothing is left.
std::string to_type_name(std::string_view words);

/// A member of an object, whose name may be any text.
Field make_member(std::string name, Type type);

/// Sets the label unless the title is no more than the name in words.
void set_label(Field& field, std::string_view title);

}  // namespace dspy::json_schema
