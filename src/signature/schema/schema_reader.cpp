// JSON Schema 2020-12 as types.

#include "dspy/base/error.hpp"
#include "dspy/base/json_pointer.hpp"
#include "schema_node.hpp"
#include "schema_values.hpp"
#include "signature/notation/identifier.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <map>
#include <optional>
#include <utility>

namespace dspy::json_schema {
namespace {

constexpr int deepest = 200;
constexpr int most_parts = 100'000;  // one definition may stand in many places

/// A schema that is being read, which others within it may refer to.
struct Open {
  std::vector<std::string> pointers = {};  ///< Its own, and those of the references that led to it.
  std::string name = {};                   ///< Of the object that it describes.
  bool is_object = false;                  ///< It describes an object, and nothing else but null.
  bool is_nullable = false;
};

class Reader {
 public:
  Reader(const Json& root, const SchemaImportOptions& options)
      : options_(options), nodes_(root, options.allow_unsupported) {}

  ImportedType read(const Json& root) && {
    auto type = schema({&root, {}}, options_.name, false);
    return {std::move(type), std::move(nodes_).take_gaps()};
  }

 private:
  /// The type of a schema.  `hint` names its object if nothing else does.
  Type schema(Located at, const std::string& hint, bool is_member) {
    if (open_.size() == deepest) fail(at.pointer, "schema", std::format("is nested deeper than {}", deepest));
    if (++parts_ > most_parts)
      fail(at.pointer, "schema", std::format("has more than {} parts with its references; ask for less", most_parts));
    if (!is_member) note_annotations(at);
    Open open{.pointers = {at.pointer}};
    std::optional<std::string> definition;
    while (const auto* ref = only_reference(at)) {
      at = nodes_.resolve({ref, step_into(at.pointer, "$ref")});
      if (auto* around = find_open(at.pointer)) return reference_to(*around, at);
      if (std::ranges::contains(open.pointers, at.pointer))
        fail(at.pointer, "$ref", "refers to itself and to nothing else; give it a type");
      if (const auto done = done_.find(at.pointer); done != done_.end()) return done->second;
      open.pointers.push_back(at.pointer);
      definition = at.pointer;
    }
    open.name = name_for(at, definition.value_or(""), hint);
    open_.push_back(std::move(open));
    const auto index = open_.size() - 1;
    const auto outermost = std::exchange(outermost_, open_.size());
    auto type = of_node(nodes_.gather(at));
    open_.pop_back();
    if (definition && outermost_ >= index) done_.emplace(*definition, type);
    outermost_ = std::min(outermost, outermost_);
    return type;
  }

  /// The `$ref` of a schema that says nothing else about values.
  static const Json* only_reference(const Located& at) {
    const auto* members = at.value->if_object();
    const auto* ref = members == nullptr ? nullptr : members->if_contains("$ref");
    if (ref == nullptr) return nullptr;
    const bool is_alone = std::ranges::all_of(
        *members, [](const auto& member) { return member.key() == "$ref" || is_annotation(member.key()); });
    return is_alone ? ref : nullptr;
  }

  Open* find_open(const std::string& pointer) {
    for (auto i = open_.size(); i-- > 0;) {
      if (!std::ranges::contains(open_[i].pointers, pointer)) continue;
      outermost_ = std::min(outermost_, i);
      return &open_[i];
    }
    return nullptr;
  }

  Type reference_to(Open& open, const Located& at) {
    if (!open.is_object)
      fail(at.pointer, "$ref", "is recursive and no object; only objects may hold values of their own type");
    if (open.name.empty()) open.name = free_name("Node", *at.value);
    auto type = Type::reference(open.name);
    return open.is_nullable ? Type::optional(std::move(type)) : type;
  }

  /// A name for the object at `at`: its key under `$defs`, else its title, else the hint.
  std::string name_for(const Located& at, std::string_view definition, const std::string& hint) {
    std::string name;
    const auto* members = at.value->if_object();
    const auto* title = members == nullptr ? nullptr : members->if_contains("title");
    if (definition.starts_with("/$defs/") || definition.starts_with("/definitions/"))
      name = to_type_name(definition.substr(definition.rfind('/') + 1));
    if (name.empty() && title != nullptr && title->is_string()) name = to_type_name(view(title->get_string()));
    if (name.empty()) name = to_type_name(hint);
    return name.empty() ? name : free_name(name, *at.value);
  }

  /// `base`, or with a number behind it if another schema has that name.
  std::string free_name(const std::string& base, const Json& schema) {
    auto name = base;
    for (int i = 2;; ++i) {
      const auto [known, is_new] = names_.try_emplace(name, &schema);
      if (is_new || *known->second == schema) return name;
      name = std::format("{}_{}", base, i);
    }
  }

  void note_annotations(const Located& at) {
    const auto* members = at.value->if_object();
    if (members == nullptr) return;
    for (const auto* word : {"description", "default"}) {
      if (members->contains(word))
        nodes_.note(step_into(at.pointer, word), word, std::format("only members of objects have a `{}`", word));
    }
  }

  Type of_node(Node node) {
    if (node.is_never) fail(node.pointer, "schema", "accepts no value; remove what contradicts itself");
    for (const auto* word : {"anyOf", "oneOf"}) {
      if (const auto found = node.keywords.find(word); found != node.keywords.end()) {
        const auto alternatives = found->second;
        node.keywords.erase(found);
        return of_alternatives(node, alternatives, word);
      }
    }
    auto values = take_values(node);
    auto type = of_kinds(node);
    return values ? only(type, *values, node) : type;
  }

  /// Each alternative together with what stands beside them.
  Type of_alternatives(const Node& node, const Located& alternatives, std::string_view word) {
    const auto& items = array_at(alternatives, word);
    if (items.empty()) fail(alternatives.pointer, word, std::format("`{}` needs at least one alternative", word));
    const bool is_alone =
        node.properties.empty() && node.required.empty() &&
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

  /// `enum` and `const`, taken out of the node.
  std::optional<Located> take_values(Node& node) {
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

  Type only(const Type& type, const Located& values, const Node& node) {
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

  static std::string shown_as_text(const Json& value) {
    return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
  }

  Type of_kinds(const Node& node) {
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

  /// `type` held to `limits`, if it can be.
  Type with(const Node& node, Type type, const Limits& limits) {
    if (limits == Limits()) return type;
    try {
      return with_limits(type, limits);
    } catch (const Error& error) {
      nodes_.unsupported(node.pointer, "format", error.what());
      return type;
    }
  }

  Type of_text(const Node& node) {
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
      nodes_.unsupported(node.pointer, "minLength",
                         "`minLength` and `maxLength` of base64 count characters, not bytes");
      limits.min_length = limits.max_length = {};
    }
    return with(node, std::move(type), limits);
  }

  Type of_list(const Node& node) {
    const auto limits = read_list_limits(node);
    const auto* first = node.find("prefixItems");
    const auto* items = node.find("items");
    if (items != nullptr && items->value->is_array())
      fail(items->pointer, "items",
           "`items` must be one schema; the schemas of the first items stand in `prefixItems`");
    if (first != nullptr) return of_tuple(*first, items, limits);
    if (items != nullptr && *items->value == Json(false) && limits.min_length.value_or(0) == 0) return Type::tuple({});
    return with(node, Type::list(items == nullptr ? Type::any() : schema(*items, {}, false)), limits);
  }

  Type of_tuple(const Located& first, const Located* items, const Limits& limits) {
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

  Type of_object(const Node& node, bool may_be_referred_to) {
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

  void check_count(const Node& node, const Limits& limits, const std::vector<Field>& members, bool is_closed) {
    const auto always = node.required.size();
    if (limits.min_length && *limits.min_length > always)
      nodes_.unsupported(node.pointer, "minProperties",
                         "`minProperties` beside named members; make the members required");
    if (limits.max_length && (!is_closed || *limits.max_length < members.size()))
      nodes_.unsupported(node.pointer, "maxProperties",
                         "`maxProperties` beside named members; use `\"additionalProperties\": false`");
  }

  Type of_names(const Located& names) {
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

  Field member(const std::string& name, const Located& property, bool is_required) {
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

  /// An annotation of the member, or of what it refers to.
  const Json* annotation(Located at, std::string_view word) {
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

  const SchemaImportOptions& options_;
  Nodes nodes_;
  std::vector<Open> open_;
  std::size_t outermost_ = static_cast<std::size_t>(-1);  ///< The place in `open_` of the outermost one referred to.
  std::map<std::string, Type> done_;                      ///< Definitions by pointer that refer to nothing around them.
  std::map<std::string, const Json*> names_;              ///< Schemas by the name given out.
  std::deque<Json> constants_;
  int parts_ = 0;
};

[[noreturn]] void throw_error(const Fault& fault, std::optional<std::size_t> position) {
  const auto place =
      fault.pointer.empty() ? std::string("the schema") : std::format("the schema at `#{}`", fault.pointer);
  const auto where = position ? std::format(", byte {}", *position) : std::string();
  ErrorInfo info;
  info.position = position;
  throw Error(Errc::signature_error, std::format("{}{}: {}", place, where, fault.message), std::move(info));
}

ImportedType read(const Json& schema, const SchemaImportOptions& options) {
  auto imported = Reader(schema, options).read(schema);
  validate(imported.type);
  return imported;
}

}  // namespace
}  // namespace dspy::json_schema

namespace dspy {

ImportedType from_json_schema(const Json& schema, const SchemaImportOptions& options) {
  try {
    return json_schema::read(schema, options);
  } catch (const json_schema::Fault& fault) {
    json_schema::throw_error(fault, {});
  }
}

ImportedType parse_json_schema(std::string_view text, const SchemaImportOptions& options) {
  const auto fail_at = [](const JsonProblem& problem) {
    ErrorInfo info;
    info.position = problem.position;
    throw Error(Errc::signature_error,
                std::format("the schema is not JSON at byte {}: {}", problem.position, problem.message),
                std::move(info));
  };
  const auto json = parse_json(text);
  if (!json) fail_at(json.error());
  if (const auto problem = repeated_member(text)) fail_at(*problem);
  try {
    return json_schema::read(*json, options);
  } catch (const json_schema::Fault& fault) {
    json_schema::throw_error(fault, position_of(text, fault.pointer));
  }
}

}  // namespace dspy
