// Reads JSON Schema 2020-12 into types: the entry points, and what all schemas share (references, names, annotations).

#include "schema_reader.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json_pointer.hpp"
#include "schema_values.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::json_schema {
namespace {

constexpr int most_parts = 100'000;  // one definition may be used in many places

}  // namespace

ImportedType SchemaReader::read(const Json& root) && {
  auto type = schema({&root, {}}, options_.name, false);
  return {std::move(type), std::move(nodes_).take_gaps()};
}

Type SchemaReader::schema(Located at, const std::string& hint, bool is_member) {
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

const Json* SchemaReader::only_reference(const Located& at) {
  const auto* members = at.value->if_object();
  const auto* ref = members == nullptr ? nullptr : members->if_contains("$ref");
  if (ref == nullptr) return nullptr;
  const bool is_alone = std::ranges::all_of(
      *members, [](const auto& member) { return member.key() == "$ref" || is_annotation(member.key()); });
  return is_alone ? ref : nullptr;
}

SchemaReader::Open* SchemaReader::find_open(const std::string& pointer) {
  for (auto i = open_.size(); i-- > 0;) {
    if (!std::ranges::contains(open_[i].pointers, pointer)) continue;
    outermost_ = std::min(outermost_, i);
    return &open_[i];
  }
  return nullptr;
}

Type SchemaReader::reference_to(Open& open, const Located& at) {
  if (!open.is_object)
    fail(at.pointer, "$ref", "is recursive and no object; only objects may hold values of their own type");
  if (open.name.empty()) open.name = free_name("Node", *at.value);
  auto type = Type::reference(open.name);
  return open.is_nullable ? Type::optional(std::move(type)) : type;
}

std::string SchemaReader::name_for(const Located& at, std::string_view definition, const std::string& hint) {
  std::string name;
  const auto* members = at.value->if_object();
  const auto* title = members == nullptr ? nullptr : members->if_contains("title");
  if (definition.starts_with("/$defs/") || definition.starts_with("/definitions/"))
    name = to_type_name(definition.substr(definition.rfind('/') + 1));
  if (name.empty() && title != nullptr && title->is_string()) name = to_type_name(view(title->get_string()));
  if (name.empty()) name = to_type_name(hint);
  return name.empty() ? name : free_name(name, *at.value);
}

std::string SchemaReader::free_name(const std::string& base, const Json& schema) {
  auto name = base;
  for (int i = 2;; ++i) {
    const auto [known, is_new] = names_.try_emplace(name, &schema);
    if (is_new || *known->second == schema) return name;
    name = std::format("{}_{}", base, i);
  }
}

void SchemaReader::note_annotations(const Located& at) {
  const auto* members = at.value->if_object();
  if (members == nullptr) return;
  for (const auto* word : {"description", "default"}) {
    if (members->contains(word))
      nodes_.note(step_into(at.pointer, word), word, std::format("only members of objects have a `{}`", word));
  }
}

Type SchemaReader::of_node(Node node) {
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

namespace {

[[noreturn]] void throw_error(const Fault& fault, std::optional<std::size_t> position) {
  const auto place =
      fault.pointer.empty() ? std::string("the schema") : std::format("the schema at `#{}`", fault.pointer);
  const auto where = position ? std::format(", byte {}", *position) : std::string();
  ErrorInfo info;
  info.position = position;
  throw Error(Errc::signature_error, std::format("{}{}: {}", place, where, fault.message), std::move(info));
}

ImportedType read(const Json& schema, const SchemaImportOptions& options) {
  auto imported = SchemaReader(schema, options).read(schema);
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
