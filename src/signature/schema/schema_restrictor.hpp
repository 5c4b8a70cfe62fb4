#pragma once

#include "schema_restrict.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Fits a schema to a dialect: schema_restrict.cpp goes through its parts, schema_restrict_keywords.cpp decides about
// single keywords.

namespace dspy::json_schema {

/// The place of a schema among the others.
struct SchemaPlace {
  std::string path = {};
  bool is_required = true;  ///< All members around it must be there.
};

/// Restricts one schema to what `rules` allow.
class Restrictor {
 public:
  Restrictor(const Rules& rules, std::vector<SchemaGap> gaps) : rules_(rules), gaps_(std::move(gaps)) {}

  ExportedSchema run(JsonObject root);

 private:
  using Place = SchemaPlace;

  void gap(const Place& place, std::string_view keyword, std::string message, bool refused = false) {
    gaps_.push_back({place.path, std::string(keyword), std::move(message), refused});
  }
  void drop(const Place& place, std::string_view keyword) {
    gap(place, keyword, std::format("{} has no `{}`; it is checked when replies are read", rules_.name, keyword));
  }
  void refuse(const Place& place, std::string_view keyword, std::string_view problem, std::string_view remedy) {
    gap(place, keyword, std::format("{} {}; {}", rules_.name, problem, remedy), true);
  }

  bool knows(std::string_view keyword) const { return std::ranges::contains(rules_.keywords, keyword); }

  /// A root that is a reference becomes what it refers to, since no dialect has one there.
  void open_root(JsonObject& root, const JsonObject& defs);
  JsonObject schema(const JsonObject& in, const Place& place);
  void reference(const Place& place, std::string_view name);
  Json inner(std::string_view keyword, const Json& value, const Place& place);
  void properties(const JsonObject& in, const JsonObject& members, const Place& place, JsonObject& out);
  /// Adds what applies to members that the schema does not name.
  void close(const JsonObject& in, const Place& place, JsonObject& out);
  void check_size(const JsonObject& schema);
  void keyword_of(const JsonObject& in, std::string_view keyword, const Json& value, const Place& place,
                  JsonObject& out);
  void lengths_beside_pattern(const Place& place, JsonObject& out);
  void default_of(const Json& value, const Place& place);
  /// A tuple as a list of whatever its places may hold.
  void tuple_items(const JsonArray& items, const Place& place, JsonObject& out);
  /// `> 3` of an integer is `>= 4`.
  void inclusive(const JsonObject& in, std::string_view keyword, const Json& value, const Place& place,
                 JsonObject& out);
  void choices(const JsonArray& values, const Place& place, JsonObject& out);

  const Rules& rules_;
  std::vector<SchemaGap> gaps_;
  std::set<std::string, std::less<>> recursive_;
  std::size_t optional_members_ = 0;
  std::size_t unions_ = 0;
};

}  // namespace dspy::json_schema
