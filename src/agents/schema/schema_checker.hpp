#pragma once

#include "agents/schema/schema_index.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/violation.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What of a value some schema has looked at, for `unevaluatedItems` and `unevaluatedProperties`.
struct SeenParts {
  std::set<std::string, std::less<>> members = {};
  bool all_members = false;
  std::size_t items = 0;  ///< The first ones.
  std::set<std::size_t> others = {};
  bool all_items = false;

  void add(const SeenParts& more) {
    members.insert(more.members.begin(), more.members.end());
    all_members = all_members || more.all_members;
    items = std::max(items, more.items);
    others.insert(more.others.begin(), more.others.end());
    all_items = all_items || more.all_items;
  }
};

/// One validation by JSON Schema 2020-12 (draft-bhutton-json-schema-validation-01).
class SchemaChecker {
 public:
  SchemaChecker(const SchemaIndex& index, Violations& found) : index_(index), found_(&found) {
    scope_.push_back(&index.root());
  }

  bool check(const Json& schema, const Json& value, const std::string& path, SeenParts& seen);

 private:
  /// Notes a violation; false.
  bool tell(const std::string& path, std::string_view rule, const Json& value, std::string message);
  /// Whether the value keeps a schema, without telling why it does not.
  bool quietly(const Json& schema, const Json& value, SeenParts& seen);

  bool references(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);
  bool scalars(const JsonObject& schema, const Json& value, const std::string& path);
  bool numbers(const JsonObject& schema, const Json& value, const std::string& path);
  bool texts(const JsonObject& schema, const Json& value, const std::string& path);
  bool counts(const JsonObject& schema, const Json& value, const std::string& path, std::size_t count,
              std::string_view least, std::string_view most, std::string_view what);
  bool members(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);
  bool dependent(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);
  bool items(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);
  bool contained(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);
  bool combined(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);
  bool alternatives(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);
  bool unevaluated(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen);

  const SchemaIndex& index_;
  Violations* found_;  ///< Null while no reasons are needed.
  std::vector<const SchemaResource*> scope_;
  int depth_ = 0;
};

}  // namespace dspy
