#pragma once

#include "dspy/signature/json_schema.hpp"

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// A JSON Schema while it is read: its own keywords, and what `$ref` and `allOf` add to them, gathered into one node.

namespace dspy::json_schema {

/// What is wrong with a schema, and where.
struct Fault {
  std::string pointer = {};
  std::string keyword = {};
  std::string message = {};
};

/// A part of the schema and its JSON Pointer.
struct Located {
  const Json* value = nullptr;
  std::string pointer = {};
};

struct Node {
  std::string pointer = {};
  std::map<std::string, Located, std::less<>> keywords = {};  ///< Without `properties`, `required`, `allOf`, `$ref`.
  std::vector<std::pair<std::string, Located>> properties = {};
  std::vector<std::string> required = {};
  bool is_never = false;  ///< No value is valid.

  const Located* find(std::string_view keyword) const;
  bool has_any(std::initializer_list<std::string_view> names) const;
};

/// Gathers the nodes of one schema.  Throws `Fault`.
class Nodes {
 public:
  Nodes(const Json& root, bool allow_unsupported) : root_(root), allow_unsupported_(allow_unsupported) {}

  /// The keywords of a schema with those that its `$ref` and `allOf` add.
  Node gather(const Located& schema);

  /// Combines both: a value that is valid for the result is valid for each of them.
  Node merge(Node a, const Node& b);

  /// The schema that `reference` refers to.
  Located resolve(const Located& reference) const;

  /// Throws a fault, or notes a gap where gaps are allowed.
  void unsupported(const std::string& pointer, std::string_view keyword, std::string message);
  void note(const std::string& pointer, std::string_view keyword, std::string message);

  std::vector<SchemaGap> take_gaps() && { return std::move(gaps_); }

 private:
  void keyword(Node& node, std::string_view keyword, const Located& value);
  void merge_keyword(Node& into, const std::string& keyword, const Located& value);
  const Json& make(Json value) { return made_.emplace_back(std::move(value)); }

  const Json& root_;
  bool allow_unsupported_;
  std::deque<Json> made_;  ///< Schemas that stand nowhere, such as the intersection of two `enum`s.
  std::vector<SchemaGap> gaps_;
  int depth_ = 0;
};

[[noreturn]] void fail(const std::string& pointer, std::string_view keyword, std::string message);

const JsonArray& array_at(const Located& keyword, std::string_view name);

}  // namespace dspy::json_schema
