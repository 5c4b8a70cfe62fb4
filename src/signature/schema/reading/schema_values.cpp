#include "schema_values.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit/fit.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy::json_schema {
namespace {

constexpr std::array kind_names = {std::string_view("object"),  std::string_view("array"),  std::string_view("string"),
                                   std::string_view("integer"), std::string_view("number"), std::string_view("boolean"),
                                   std::string_view("null")};

std::optional<Number> number(const Node& node, std::string_view name) {
  const auto* found = node.find(name);
  if (found == nullptr) return std::nullopt;
  const auto& value = *found->value;
  if (value.is_int64()) return Number(value.get_int64());
  if (value.is_uint64()) return Number(static_cast<double>(value.get_uint64()));
  if (value.is_double()) return Number(value.get_double());
  fail(found->pointer, name, std::format("`{}` must be a number", name));
}

std::optional<std::size_t> count(const Node& node, std::string_view name) {
  const auto* found = node.find(name);
  if (found == nullptr) return std::nullopt;
  auto value = *found->value;
  if (!value.is_number() || !make_integer(value) || value.get_int64() < 0)
    fail(found->pointer, name, std::format("`{}` must be an integer from 0", name));
  return static_cast<std::size_t>(value.get_int64());
}

/// The kinds of JSON values that a type has, as a set of bits; integers are numbers.
unsigned kinds_of(const Type& type) {
  constexpr unsigned all = 0x3F;
  constexpr unsigned text = 1;
  constexpr unsigned numeric = 2;
  constexpr unsigned boolean = 4;
  constexpr unsigned null = 8;
  constexpr unsigned list = 16;
  constexpr unsigned object = 32;
  unsigned out = 0;
  switch (type.kind) {
    case Type::Kind::integer:
    case Type::Kind::number: return numeric;
    case Type::Kind::boolean: return boolean;
    case Type::Kind::null_: return null;
    case Type::Kind::any: return all;
    case Type::Kind::list:
    case Type::Kind::tuple: return list;
    case Type::Kind::dict:
    case Type::Kind::object:
    case Type::Kind::reference: return object;
    case Type::Kind::literal:
      for (const auto& choice : type.choices)
        out |= choice.is_string() ? text : choice.is_bool() ? boolean : choice.is_number() ? numeric : null;
      return out;
    case Type::Kind::optional: return null | kinds_of(type.arguments[0]);
    case Type::Kind::union_:
      for (const auto& each : type.arguments) out |= kinds_of(each);
      return out;
    default: return text;
  }
}

bool are_apart(const Type& a, const Type& b, int depth);

/// True if a member tells the objects apart: one has it and the other may not, or its types differ.
bool are_objects_apart(const Type& a, const Type& b, int depth) {
  for (const auto& member : *a.members) {
    const auto other = std::ranges::find(*b.members, member.name, &Field::name);
    const bool is_known = other != b.members->end();
    if (member.is_required() && !is_known && b.arguments.empty()) return true;
    if (is_known && member.is_required() && other->is_required() && are_apart(member.type, other->type, depth + 1))
      return true;
  }
  return false;
}

bool are_apart(const Type& a, const Type& b, int depth) {
  constexpr int deepest = 16;
  if ((kinds_of(a) & kinds_of(b)) == 0) return true;
  if (a.kind == Type::Kind::literal && b.kind == Type::Kind::literal)
    return std::ranges::none_of(a.choices,
                                [&](const Json& choice) { return std::ranges::contains(b.choices, choice); });
  if (a.kind != Type::Kind::object || b.kind != Type::Kind::object || depth == deepest) return false;
  return are_objects_apart(a, b, depth) || are_objects_apart(b, a, depth);
}

}  // namespace

Limits read_number_limits(const Node& node) {
  Limits limits;
  limits.ge = number(node, "minimum");
  limits.gt = number(node, "exclusiveMinimum");
  limits.le = number(node, "maximum");
  limits.lt = number(node, "exclusiveMaximum");
  limits.multiple_of = number(node, "multipleOf");
  return limits;
}

Limits read_text_limits(const Node& node) {
  Limits limits;
  limits.min_length = count(node, "minLength");
  limits.max_length = count(node, "maxLength");
  if (const auto* pattern = node.find("pattern")) {
    const auto compiled = attempt([&] { return Pattern(std::string(text_of(*pattern, "pattern"))); });
    if (!compiled) fail(pattern->pointer, "pattern", compiled.error().what());
    limits.pattern = *compiled;
  }
  return limits;
}

Limits read_list_limits(const Node& node) {
  Limits limits;
  limits.min_length = count(node, "minItems");
  limits.max_length = count(node, "maxItems");
  if (const auto* unique = node.find("uniqueItems")) {
    if (!unique->value->is_bool()) fail(unique->pointer, "uniqueItems", "`uniqueItems` must be true or false");
    limits.unique_items = unique->value->get_bool();
  }
  return limits;
}

Limits read_object_limits(const Node& node) {
  Limits limits;
  limits.min_length = count(node, "minProperties");
  limits.max_length = count(node, "maxProperties");
  return limits;
}

std::vector<std::string_view> kinds_of(const Node& node) {
  const auto* type = node.find("type");
  std::vector<std::string_view> wanted;
  const auto add = [&](const Json& name) {
    const auto found = name.is_string() ? std::ranges::find(kind_names, view(name.get_string())) : kind_names.end();
    if (found != kind_names.end()) return wanted.push_back(*found);
    std::vector<std::string> names(kind_names.begin(), kind_names.end());
    fail(type->pointer, "type", std::format("`type` must be {}, not {}", text::enumerate(names, "`"), to_text(name)));
  };
  if (type == nullptr) {
    wanted.assign(kind_names.begin(), kind_names.end());
  } else if (type->value->is_array()) {
    for (const auto& name : type->value->get_array()) add(name);
    if (wanted.empty()) fail(type->pointer, "type", "`type` needs at least one name");
  } else {
    add(*type->value);
  }
  std::vector<std::string_view> out;
  for (const auto name : wanted) {
    const bool is_covered = name == "integer" && std::ranges::contains(wanted, std::string_view("number"));
    if (!is_covered && !std::ranges::contains(out, name)) out.push_back(name);
  }
  return out;
}

bool says_something(const Node& node) {
  return !node.properties.empty() || !node.required.empty() ||
         node.has_any({"additionalProperties", "propertyNames", "minProperties", "maxProperties", "items",
                       "prefixItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern",
                       "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format",
                       "contentEncoding"});
}

std::string_view text_of(const Located& keyword, std::string_view name) {
  if (!keyword.value->is_string()) fail(keyword.pointer, name, std::format("`{}` must be text", name));
  return view(keyword.value->get_string());
}

std::optional<Type::Kind> kind_of_format(std::string_view format) {
  if (format == "date") return Type::Kind::date;
  if (format == "date-time") return Type::Kind::datetime;
  if (format == "time") return Type::Kind::time;
  if (format == "duration") return Type::Kind::duration;
  return std::nullopt;
}

std::optional<Type> with_values(const Type& type, const JsonArray& values) {
  std::vector<Json> words;
  std::vector<Json> numbers;
  std::vector<Json> others;
  bool has_null = false;
  for (const auto& value : values) {
    auto copy = value;
    Violations violations;
    if (!fit_in_place(type, copy, violations)) continue;
    copy = value;  // as it is written, whatever the rest of the schema makes of it
    if (copy.is_null()) {
      has_null = true;
    } else if (copy.is_string() || copy.is_bool() || make_integer(copy)) {
      if (!std::ranges::contains(words, copy)) words.push_back(std::move(copy));
    } else {
      (copy.is_number() ? numbers : others).push_back(copy.is_number() ? Json(copy.to_number<double>()) : copy);
    }
  }
  std::vector<Type> types;
  if (!words.empty()) types.push_back(Type::literal(std::move(words)));
  if (!numbers.empty()) types.push_back(Type::number({.one_of = std::move(numbers)}));
  if (!others.empty()) types.push_back(with_limits(Type::any(), {.one_of = std::move(others)}));
  if (has_null) types.push_back({.kind = Type::Kind::null_});
  if (types.empty()) return std::nullopt;
  return Type::union_of(std::move(types));
}

bool are_disjoint(const std::vector<Type>& types) {
  for (std::size_t i = 0; i < types.size(); ++i) {
    for (std::size_t j = i + 1; j < types.size(); ++j) {
      if (!are_apart(types[i], types[j], 0)) return false;
    }
  }
  return true;
}

std::string to_type_name(std::string_view words) {
  std::string out;
  bool begins = true;
  for (const char c : words) {
    const bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_letter && (!is_digit || out.empty()) && c != '_') {
      begins = true;
      continue;
    }
    out += begins && is_letter ? static_cast<char>(c & ~0x20) : c;
    begins = false;
  }
  return out;
}

Field make_member(std::string name, Type type) {
  Field field;
  field.label = text::to_words(name);
  field.name = std::move(name);
  field.type = std::move(type);
  return field;
}

void set_label(Field& field, std::string_view title) {
  const bool is_line = !title.empty() && title.find_first_of("\r\n") == std::string_view::npos;
  if (is_line && !text::equals_ignoring_case(title, field.label)) field.label = title;
}

}  // namespace dspy::json_schema
