#pragma once

#include "schema_keywords.hpp"
#include "schema_node.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reads a JSON Schema into a type.  Its parts: schema_reader.cpp (schemas, `$ref`, names), schema_alternatives.cpp
// (`anyOf`, `oneOf`, `enum`, `const`), schema_kinds.cpp (`type`: scalars and lists), schema_members.cpp (objects).

namespace dspy::json_schema {

/// Reads one schema.  Throws `Fault`.
class SchemaReader {
 public:
  SchemaReader(const Json& root, const SchemaImportOptions& options)
      : options_(options), nodes_(root, options.allow_unsupported) {}

  ImportedType read(const Json& root) &&;

 private:
  static constexpr int deepest = 200;

  /// A schema that is being read; schemas inside it may refer to it.
  struct Open {
    std::vector<std::string> pointers = {};  ///< Its own, and those of the references that led to it.
    std::string name = {};                   ///< Of the object that it describes.
    bool is_object = false;                  ///< It describes an object, or an object and null.
    bool is_nullable = false;
  };

  /// The type of a schema.  `hint` names its object if nothing else does.
  Type schema(Located at, const std::string& hint, bool is_member);
  /// The `$ref` of a schema that says nothing else about values.
  static const Json* only_reference(const Located& at);
  Open* find_open(const std::string& pointer);
  Type reference_to(Open& open, const Located& at);
  /// A name for the object at `at`: its key under `$defs`, else its title, else the hint.
  std::string name_for(const Located& at, std::string_view definition, const std::string& hint);
  /// `base`, or with a number behind it if another schema has that name.
  std::string free_name(const std::string& base, const Json& schema);
  void note_annotations(const Located& at);
  Type of_node(Node node);
  /// Reads each alternative, combined with its sibling keywords.
  Type of_alternatives(const Node& node, const Located& alternatives, std::string_view word);
  /// `enum` and `const`, taken out of the node.
  std::optional<Located> take_values(Node& node);
  Type only(const Type& type, const Located& values, const Node& node);
  static std::string shown_as_text(const Json& value);
  Type of_kinds(const Node& node);
  /// `type` with `limits`, if it can have them; else a gap.
  Type with(const Node& node, Type type, const Limits& limits);
  Type of_text(const Node& node);
  Type of_list(const Node& node);
  Type of_tuple(const Located& first, const Located* items, const Limits& limits);
  Type of_object(const Node& node, bool may_be_referred_to);
  void check_count(const Node& node, const Limits& limits, const std::vector<Field>& members, bool is_closed);
  Type of_names(const Located& names);
  Field member(const std::string& name, const Located& property, bool is_required);
  /// An annotation of the member, or of what it refers to.
  const Json* annotation(Located at, std::string_view word);

  const SchemaImportOptions& options_;
  Nodes nodes_;
  std::vector<Open> open_;
  std::size_t outermost_ = static_cast<std::size_t>(-1);  ///< The place in `open_` of the outermost one referred to.
  std::map<std::string, Type> done_;          ///< By pointer: definitions that refer to nothing around them.
  std::map<std::string, const Json*> names_;  ///< By the name that each schema was given.
  std::deque<Json> constants_;
  int parts_ = 0;
};

}  // namespace dspy::json_schema
