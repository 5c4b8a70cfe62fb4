// Removes from a schema what a dialect does not support, and reports each removal.  Here: the walk through its parts.

#include "schema_restrict.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"
#include "schema_restrictor.hpp"
#include "schema_size.hpp"
#include "schema_writer.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy::json_schema {

ExportedSchema Restrictor::run(JsonObject root) {
  JsonObject defs;
  if (const auto* found = root.if_contains("$defs")) defs = found->get_object();
  root.stable_erase("$defs");
  recursive_ = recursive_names(defs);
  if (rules_.root_is_object) open_root(root, defs);

  auto out = schema(root, {});
  JsonObject kept;
  for (const auto& [name, definition] : defs) kept[name] = schema(definition.get_object(), {std::string(name)});
  if (!kept.empty()) out["$defs"] = std::move(kept);
  check_size(out);
  return {std::move(out), std::move(gaps_)};
}

void Restrictor::open_root(JsonObject& root, const JsonObject& defs) {
  if (const auto* ref = root.if_contains("$ref"))
    root = JsonObject(defs.at(view(ref->get_string()).substr(definitions.size())).get_object());
  const auto* type = root.if_contains("type");
  if (type == nullptr || *type != Json("object"))
    refuse({}, "type", "wants an object at the root", "put the value into a field");
}

JsonObject Restrictor::schema(const JsonObject& in, const Place& place) {
  if (in.empty() && rules_.wants_types) {
    refuse(place, "type", "has no schema for any JSON value", "give the field a type, or use a `str`");
    return {};
  }
  JsonObject out;
  for (const auto& [keyword, value] : in) keyword_of(in, keyword, value, place, out);
  if (const auto* ref = out.if_contains("$ref")) {
    reference(place, view(ref->get_string()).substr(definitions.size()));
    if (out.size() > 1) {  // no dialect supports sibling keywords
      out["anyOf"] = JsonArray{JsonObject{{"$ref", *ref}}};
      out.stable_erase("$ref");
    }
  }
  lengths_beside_pattern(place, out);
  close(in, place, out);
  if (rules_.orders_properties && out.contains("properties")) {
    JsonArray order;
    for (const auto& member : out.at("properties").get_object()) order.push_back(Json(member.key()));
    out["propertyOrdering"] = std::move(order);
  }
  return out;
}

void Restrictor::reference(const Place& place, std::string_view name) {
  if (!recursive_.contains(name)) return;
  if (rules_.recursion == Recursion::none)
    refuse(place, "$ref", std::format("has no recursive schemas, and `{}` is one", name), "limit how deep it goes");
  if (rules_.recursion == Recursion::in_optional && place.is_required)
    refuse(place, "$ref", std::format("takes the recursive `{}` only within members that may be absent", name),
           "make the member optional");
}

Json Restrictor::inner(std::string_view keyword, const Json& value, const Place& place) {
  if (keyword == "items") return schema(value.get_object(), {place.path + "[]", place.is_required});
  if (keyword == "additionalProperties" && value.is_object())
    return schema(value.get_object(), {place.path + ".*", place.is_required});
  if (keyword == "propertyNames") return schema(value.get_object(), place);
  if (keyword != "anyOf" && keyword != "prefixItems") return value;
  JsonArray out;
  for (const auto& each : value.get_array()) {
    auto path = keyword == "anyOf" ? place.path : std::format("{}[{}]", place.path, out.size());
    out.push_back(schema(each.get_object(), {std::move(path), place.is_required}));
  }
  unions_ += keyword == "anyOf" ? 1 : 0;
  return out;
}

void Restrictor::properties(const JsonObject& in, const JsonObject& members, const Place& place, JsonObject& out) {
  const auto* required = in.if_contains("required");
  JsonArray all;
  JsonObject kept;
  for (const auto& [name, member] : members) {
    const bool is_required =
        required != nullptr && std::ranges::contains(required->get_array(), Json(std::string_view(name)));
    Place inside{join_path(place.path, name), is_required && place.is_required};
    optional_members_ += is_required ? 0 : 1;
    if (!is_required && rules_.requires_all && member.get_object().contains("default"))
      gap(inside, "default",
          std::format("{} has every member written, so the default {} is never taken", rules_.name,
                      to_text(member.get_object().at("default"))));
    kept[name] = schema(member.get_object(), inside);
    all.push_back(Json(std::string_view(name)));
  }
  out["properties"] = std::move(kept);
  if (rules_.requires_all) out["required"] = std::move(all);
}

void Restrictor::close(const JsonObject& in, const Place& place, JsonObject& out) {
  if (const auto* type = in.if_contains("type"); type == nullptr || *type != Json("object")) return;
  const auto* other = in.if_contains("additionalProperties");
  if (other != nullptr && *other == Json(false)) return;
  if (const auto* members = in.if_contains("properties"); members != nullptr && rules_.names_limit_other_members) {
    for (const auto& member : members->get_object()) {
      if (std::ranges::all_of(member.key(), [](char c) { return text::is_letter(c) || text::is_digit(c) || c == '_'; }))
        continue;
      return refuse(place, "additionalProperties",
                    std::format("cannot tell members of any name from one called `{}`", std::string_view(member.key())),
                    "give that one a name of ASCII letters, or the object no other members");
    }
  }
  if (rules_.closes_objects) {
    refuse(place, "additionalProperties", "has no objects with members of any name",
           "name the members, or use a list of objects that hold a key and a value");
  } else if (other == nullptr && rules_.closed_by_default) {
    out["additionalProperties"] = true;
  }
}

void Restrictor::check_size(const JsonObject& schema) {
  const auto size = size_of(schema);
  struct Bound {
    std::string_view of;
    std::size_t found;
    std::size_t most;
  };
  const std::array bounds = {
      Bound{"members", size.properties, rules_.most_properties},
      Bound{"levels", size.levels, rules_.most_levels},
      Bound{"choices in enumerations", size.choices, rules_.most_choices},
      Bound{"bytes in names and choices", size.characters, rules_.most_characters},
      Bound{"members that may be absent", optional_members_, rules_.most_optional},
      Bound{"unions", unions_, rules_.most_unions},
  };
  for (const auto& bound : bounds) {
    if (bound.found > bound.most)
      refuse({}, "size", std::format("takes up to {} {}, and this has {}", bound.most, bound.of, bound.found),
             "ask for less at once");
  }
}

ExportedSchema restrict(ExportedSchema whole, const Rules& rules) {
  return Restrictor(rules, std::move(whole.gaps)).run(std::move(whole.schema));
}

}  // namespace dspy::json_schema
