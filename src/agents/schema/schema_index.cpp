#include "agents/schema/schema_index.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json_pointer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr int deepest = 128;

[[noreturn]] void refuse(const std::string& place, std::string_view complaint) {
  throw Error(Errc::signature_error, std::format("the JSON Schema cannot be used: {} {}",
                                                 place.empty() ? "its root" : "`" + place + "`", complaint));
}

enum class Holds { schema, schemas, schema_map, schema_or_list, dependencies, none };

struct Keyword {
  std::string_view name;
  Holds holds;
};

constexpr std::array keywords = {
    Keyword{"$defs", Holds::schema_map},
    Keyword{"definitions", Holds::schema_map},
    Keyword{"properties", Holds::schema_map},
    Keyword{"patternProperties", Holds::schema_map},
    Keyword{"dependentSchemas", Holds::schema_map},
    Keyword{"dependencies", Holds::dependencies},
    Keyword{"allOf", Holds::schemas},
    Keyword{"anyOf", Holds::schemas},
    Keyword{"oneOf", Holds::schemas},
    Keyword{"prefixItems", Holds::schemas},
    Keyword{"items", Holds::schema_or_list},
    Keyword{"additionalItems", Holds::schema},
    Keyword{"contains", Holds::schema},
    Keyword{"additionalProperties", Holds::schema},
    Keyword{"propertyNames", Holds::schema},
    Keyword{"unevaluatedItems", Holds::schema},
    Keyword{"unevaluatedProperties", Holds::schema},
    Keyword{"not", Holds::schema},
    Keyword{"if", Holds::schema},
    Keyword{"then", Holds::schema},
    Keyword{"else", Holds::schema},
};

Holds held_by(std::string_view keyword) {
  const auto* const found = std::ranges::find(keywords, keyword, &Keyword::name);
  return found == keywords.end() ? Holds::none : found->holds;
}

bool is_type_name(const Json& value) {
  constexpr std::array<std::string_view, 7> names = {"null",   "boolean", "object", "array",
                                                     "number", "string",  "integer"};
  return value.is_string() && std::ranges::contains(names, view(value.get_string()));
}

bool is_count(const Json& value) {
  if (value.is_double()) return value.get_double() >= 0 && std::floor(value.get_double()) == value.get_double();
  return value.is_uint64() || (value.is_int64() && value.get_int64() >= 0);
}

bool is_name_list(const Json& value) {
  return value.is_array() && std::ranges::all_of(value.get_array(), [](const Json& each) { return each.is_string(); });
}

/// Whether a keyword's value has the form it must have, else what that is.
std::optional<std::string_view> wrong_form(std::string_view keyword, const Json& value) {
  const auto one_of = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::contains(names, keyword);
  };
  if (keyword == "type") {
    const bool fits = is_type_name(value) || (value.is_array() && !value.get_array().empty() &&
                                              std::ranges::all_of(value.get_array(), is_type_name));
    if (!fits) return "must be a type's name or a list of them";
  } else if (keyword == "enum") {
    if (!value.is_array()) return "must be a list";
  } else if (keyword == "required") {
    if (!is_name_list(value)) return "must be a list of names";
  } else if (one_of({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})) {
    if (!value.is_number()) return "must be a number";
  } else if (keyword == "multipleOf") {
    if (!value.is_number() || value.to_number<double>() <= 0) return "must be a number above 0";
  } else if (one_of({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
                     "maxContains"})) {
    if (!is_count(value)) return "must be a whole number from 0";
  } else if (keyword == "uniqueItems") {
    if (!value.is_bool()) return "must be true or false";
  } else if (one_of({"pattern", "$ref", "$dynamicRef", "$id", "$anchor", "$dynamicAnchor"})) {
    if (!value.is_string()) return "must be a text";
  } else if (keyword == "dependentRequired") {
    const bool fits = value.is_object() && std::ranges::all_of(value.get_object(), [](const auto& member) {
                        return is_name_list(member.value());
                      });
    if (!fits) return "must be an object of lists of names";
  }
  return {};
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Resolves a reference against its base URI, as far as schemas within one document need it.
std::string resolved_uri(std::string_view base, std::string_view reference) {
  if (reference.empty()) return std::string(base);
  const auto colon = reference.find(':');
  if (colon != std::string_view::npos && reference.substr(0, colon).find_first_of("/?#") == std::string_view::npos)
    return std::string(reference);
  const auto scheme_end = base.find("://");
  if (reference.starts_with("//")) return std::string(base.substr(0, base.find(':') + 1)) + std::string(reference);
  if (reference.starts_with('/')) {
    const auto host = scheme_end == std::string_view::npos ? 0 : base.find('/', scheme_end + 3);
    return std::string(base.substr(0, std::min(host, base.size()))) + std::string(reference);
  }
  const auto slash = base.rfind('/');
  if (slash == std::string_view::npos || (scheme_end != std::string_view::npos && slash < scheme_end + 3))
    return base.find(':') == std::string_view::npos ? std::string(reference)
                                                    : std::string(base) + "/" + std::string(reference);
  return std::string(base.substr(0, slash + 1)) + std::string(reference);
}

}  // namespace

SchemaIndex::SchemaIndex(const Json& schema) : schema_(schema) {
  root_ = &resources_[""];
  root_->root = &schema;
  starts_[&schema] = root_;
  walk(schema, *root_, "", 0);
  resolve_all();
}

const SchemaResource* SchemaIndex::resource_at(const Json& schema) const noexcept {
  const auto found = starts_.find(&schema);
  return found == starts_.end() ? nullptr : found->second;
}

void SchemaIndex::walk(const Json& schema, SchemaResource& resource, const std::string& place, int depth) {
  if (schema.is_bool()) {
    owners_[&schema] = &resource;
    return;
  }
  if (!schema.is_object()) refuse(place, "must be a schema: an object, true or false");
  if (depth > deepest) refuse(place, std::format("is nested deeper than {}", deepest));
  auto* within = &resource;
  const auto* const id = schema.get_object().if_contains("$id");
  if (id != nullptr && id->is_string()) {
    auto uri = resolved_uri(resource.uri, view(id->get_string()));
    uri.resize(std::min(uri.find('#'), uri.size()));
    if (uri != resource.uri) {
      auto [at, is_new] = resources_.try_emplace(uri);
      if (!is_new) refuse(place, "has the `$id` of another schema in the document");
      within = &at->second;
      within->uri = std::move(uri);
      within->root = &schema;
      if (&schema == &schema_) root_ = within;
      starts_[&schema] = within;
    }
  }
  owners_[&schema] = within;
  walk_object(schema.get_object(), *within, place, depth);
}

void SchemaIndex::walk_object(const JsonObject& schema, SchemaResource& resource, const std::string& place, int depth) {
  const auto walk_map = [&](const Json& value, const std::string& at) {
    if (!value.is_object()) refuse(at, "must be an object of schemas");
    for (const auto& [name, each] : value.get_object()) walk(each, resource, step_into(at, name), depth + 1);
  };
  const auto walk_list = [&](const Json& value, const std::string& at) {
    if (!value.is_array()) refuse(at, "must be a list of schemas");
    std::size_t i = 0;
    for (const auto& each : value.get_array()) walk(each, resource, step_into(at, std::to_string(i++)), depth + 1);
  };
  for (const auto& [key, value] : schema) {
    const auto at = step_into(place, key);
    if (const auto complaint = wrong_form(key, value)) refuse(at, *complaint);
    switch (held_by(key)) {
      case Holds::schema: walk(value, resource, at, depth + 1); break;
      case Holds::schemas: walk_list(value, at); break;
      case Holds::schema_map: walk_map(value, at); break;
      case Holds::schema_or_list:
        if (value.is_array()) {
          walk_list(value, at);
        } else {
          walk(value, resource, at, depth + 1);
        }
        break;
      case Holds::dependencies:
        if (!value.is_object()) refuse(at, "must be an object");
        for (const auto& [name, each] : value.get_object()) {
          if (!is_name_list(each)) walk(each, resource, step_into(at, name), depth + 1);
        }
        break;
      case Holds::none: break;
    }
    if (key == "pattern") add_pattern(std::string(view(value.get_string())), at);
    if (key == "patternProperties") {
      for (const auto& [expression, each] : value.get_object()) add_pattern(std::string(expression), at);
    }
    if (key == "unevaluatedItems" || key == "unevaluatedProperties") has_unevaluated_ = true;
    if (key == "$anchor") resource.anchors[std::string(view(value.get_string()))] = nullptr;
    if (key == "$ref" || key == "$dynamicRef") pending_.push_back({&value, &resource, at, key == "$dynamicRef"});
  }
}

void SchemaIndex::add_pattern(const std::string& expression, const std::string& place) {
  if (patterns_.contains(expression)) return;
  try {
    patterns_.emplace(expression, Pattern(expression));
  } catch (const Error& error) {
    refuse(place, error.what());
  }
}

void SchemaIndex::resolve_all() {
  // Anchors are known once every schema was seen.
  for (const auto& [schema, resource] : owners_) {
    if (!schema->is_object()) continue;
    auto& own = resources_.find(resource->uri)->second;
    if (const auto* const name = schema->get_object().if_contains("$anchor"))
      own.anchors[std::string(view(name->get_string()))] = schema;
    if (const auto* const name = schema->get_object().if_contains("$dynamicAnchor")) {
      own.anchors[std::string(view(name->get_string()))] = schema;
      own.dynamic_anchors[std::string(view(name->get_string()))] = schema;
    }
  }
  // A reference may lead to a place that no keyword does, whose own references follow.
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const auto each = pending_[i];
    auto target = resolve(view(each.reference->get_string()), *each.from, each.place);
    if (each.is_dynamic) {
      const auto text = view(each.reference->get_string());
      const auto hash = text.find('#');
      const auto name = hash == std::string_view::npos ? std::string_view() : text.substr(hash + 1);
      if (target.resource->dynamic_anchors.contains(name)) target.dynamic_anchor = std::string(name);
    }
    targets_.insert_or_assign(each.reference, std::move(target));
  }
}

SchemaTarget SchemaIndex::resolve(std::string_view reference, const SchemaResource& from, const std::string& place) {
  const auto hash = reference.find('#');
  const auto fragment = hash == std::string_view::npos ? std::string() : percent_decoded(reference.substr(hash + 1));
  auto found = resources_.find(resolved_uri(from.uri, reference.substr(0, hash)));
  if (found == resources_.end()) {
    refuse(place,
           std::format("refers to `{}`, which is not in this schema; nothing is fetched, so put it under `$defs`",
                       reference));
  }
  auto& resource = found->second;
  if (resource.root == nullptr) refuse(place, std::format("refers to `{}`, which is not there", reference));
  if (fragment.empty()) return {resource.root, &resource, {}};
  if (!fragment.starts_with('/')) {
    const auto anchor = resource.anchors.find(fragment);
    if (anchor == resource.anchors.end() || anchor->second == nullptr)
      refuse(place, std::format("refers to the anchor `{}`, which is not there", fragment));
    return {anchor->second, &resource, {}};
  }
  const auto* const target = find_at(*resource.root, fragment);
  if (target == nullptr) refuse(place, std::format("refers to `{}`, which is not there", reference));
  const auto owner = owners_.find(target);
  if (owner != owners_.end()) return {target, owner->second, {}};
  walk(*target, resource, fragment, 0);
  return {target, owners_.at(target), {}};
}

}  // namespace dspy
