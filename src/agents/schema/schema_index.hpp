#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/pattern.hpp"

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// What is known of a JSON Schema before a value is checked: its resources, anchors, references and patterns.

namespace dspy {

/// A schema with an `$id` of its own, or the whole.
struct SchemaResource {
  std::string uri = {};
  const Json* root = nullptr;
  std::map<std::string, const Json*, std::less<>> anchors = {};
  std::map<std::string, const Json*, std::less<>> dynamic_anchors = {};
};

/// Where a reference leads.
struct SchemaTarget {
  const Json* schema = nullptr;
  const SchemaResource* resource = nullptr;
  std::string dynamic_anchor = {};  ///< The anchor that a `$dynamicRef` looks for in the schemas around; else empty.
};

class SchemaIndex {
 public:
  /// `schema` outlives the index, and stays where it is.  Throws `Error` (`signature_error`).
  explicit SchemaIndex(const Json& schema);

  const SchemaResource& root() const noexcept { return *root_; }
  /// The resource that begins at this schema; null if none does.
  const SchemaResource* resource_at(const Json& schema) const noexcept;
  const SchemaTarget& target(const Json& reference) const { return targets_.at(&reference); }
  /// Whether anything asks what was looked at.
  bool has_unevaluated() const noexcept { return has_unevaluated_; }
  const Pattern& pattern(std::string_view expression) const { return patterns_.find(expression)->second; }

 private:
  void walk(const Json& schema, SchemaResource& resource, const std::string& place, int depth);
  void walk_object(const JsonObject& schema, SchemaResource& resource, const std::string& place, int depth);
  void add_pattern(const std::string& expression, const std::string& place);
  void resolve_all();
  SchemaTarget resolve(std::string_view reference, const SchemaResource& from, const std::string& place);

  struct Pending {
    const Json* reference;
    SchemaResource* from;
    std::string place;
    bool is_dynamic;
  };

  const Json& schema_;
  std::map<std::string, SchemaResource, std::less<>> resources_;
  SchemaResource* root_ = nullptr;
  std::unordered_map<const Json*, const SchemaResource*> starts_;
  std::unordered_map<const Json*, const SchemaResource*> owners_;
  std::unordered_map<const Json*, SchemaTarget> targets_;
  std::map<std::string, Pattern, std::less<>> patterns_;
  std::vector<Pending> pending_;
  bool has_unevaluated_ = false;
};

}  // namespace dspy
