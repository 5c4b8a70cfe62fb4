// Takes out of a schema what a dialect cannot say, and tells what that was.

#include "schema_restrict.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"
#include "schema_size.hpp"
#include "schema_writer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <format>
#include <set>
#include <utility>

namespace dspy::json_schema {
namespace {

/// Where a schema stands among the others.
struct Place {
  std::string path = {};
  bool is_required = true;  ///< All members around it must be there.
};

class Restrictor {
 public:
  Restrictor(const Rules& rules, std::vector<SchemaGap> gaps) : rules_(rules), gaps_(std::move(gaps)) {}

  ExportedSchema run(JsonObject root) {
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

 private:
  void gap(const Place& place, std::string_view keyword, std::string message, bool refused = false) {
    gaps_.push_back({place.path, std::string(keyword), std::move(message), refused});
  }
  void drop(const Place& place, std::string_view keyword) {
    gap(place, keyword, std::format("{} has no `{}`; replies are held to it when they are read", rules_.name, keyword));
  }
  void refuse(const Place& place, std::string_view keyword, std::string_view problem, std::string_view remedy) {
    gap(place, keyword, std::format("{} {}; {}", rules_.name, problem, remedy), true);
  }

  /// The root may be no reference: it becomes what it refers to.
  void open_root(JsonObject& root, const JsonObject& defs) {
    if (const auto* ref = root.if_contains("$ref"))
      root = JsonObject(defs.at(view(ref->get_string()).substr(definitions.size())).get_object());
    const auto* type = root.if_contains("type");
    if (type == nullptr || *type != Json("object"))
      refuse({}, "type", "wants an object at the root", "put the value into a field");
  }

  bool knows(std::string_view keyword) const { return std::ranges::contains(rules_.keywords, keyword); }

  JsonObject schema(const JsonObject& in, const Place& place) {
    if (in.empty() && rules_.wants_types) {
      refuse(place, "type", "has no schema for any JSON value", "give the field a type, or use a `str`");
      return {};
    }
    JsonObject out;
    for (const auto& [keyword, value] : in) keyword_of(in, keyword, value, place, out);
    if (const auto* ref = out.if_contains("$ref")) {
      reference(place, view(ref->get_string()).substr(definitions.size()));
      if (out.size() > 1) {  // no dialect has anything beside it
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

  void lengths_beside_pattern(const Place& place, JsonObject& out) {
    if (!rules_.pattern_replaces_lengths || !out.contains("pattern")) return;
    for (const std::string_view keyword : {"minLength", "maxLength"}) {
      if (!out.contains(keyword)) continue;
      out.stable_erase(keyword);
      gap(place, keyword,
          std::format("{} does not look at `{}` beside a `pattern`; replies are held to it when they are read",
                      rules_.name, keyword));
    }
  }

  void reference(const Place& place, std::string_view name) {
    if (!recursive_.contains(name)) return;
    if (rules_.recursion == Recursion::none)
      refuse(place, "$ref", std::format("has no recursive schemas, and `{}` is one", name), "limit how deep it goes");
    if (rules_.recursion == Recursion::in_optional && place.is_required)
      refuse(place, "$ref", std::format("takes the recursive `{}` only within members that may be absent", name),
             "make the member optional");
  }

  void keyword_of(const JsonObject& in, std::string_view keyword, const Json& value, const Place& place,
                  JsonObject& out) {
    if (keyword == "x-labels") return gap(place, keyword, "the labels of the choices are not sent");
    if (keyword == "required" && rules_.requires_all) return;  // all are, see `properties`
    if (keyword == "properties") return properties(in, value.get_object(), place, out);
    if (keyword == "prefixItems" && !knows(keyword)) return tuple_items(value.get_array(), place, out);
    if (keyword == "items" && value.is_bool()) {  // a tuple's end, which minItems and maxItems say too
      if (knows("prefixItems")) out[keyword] = value;
      return;
    }
    if (keyword == "default" && !knows(keyword)) return default_of(value, place);
    if (keyword == "propertyNames" && !knows(keyword))
      return gap(
          place, keyword,
          std::format("{} does not hold keys to their type; replies are held to it when they are read", rules_.name));
    if (keyword == "exclusiveMinimum" || keyword == "exclusiveMaximum")
      if (!knows(keyword)) return inclusive(in, keyword, value, place, out);
    if (!knows(keyword)) return drop(place, keyword);

    if (keyword == "format" && !std::ranges::contains(rules_.formats, view(value.get_string())))
      return gap(place, keyword,
                 std::format("{} has no format `{}`; replies are held to it when they are read", rules_.name,
                             view(value.get_string())));
    if (keyword == "minItems" && value.to_number<std::uint64_t>() > rules_.most_min_items) {
      gap(place, keyword,
          std::format("{} knows `minItems` up to {}; replies are held to the {} when they are read", rules_.name,
                      rules_.most_min_items, to_text(value)));
      out[keyword] = rules_.most_min_items;
      return;
    }
    if (is_length(keyword) && value.to_number<std::uint64_t>() > rules_.most_repetitions)
      return gap(place, keyword,
                 std::format("{} knows `{}` up to {}; replies are held to the {} when they are read", rules_.name,
                             keyword, rules_.most_repetitions, to_text(value)));
    if (is_range(keyword) && rules_.integer_ranges_only && in.contains("type") && in.at("type") != Json("integer"))
      return gap(place, keyword,
                 std::format("{} knows `{}` of integers only; replies are held to it when they are read", rules_.name,
                             keyword));
    if (keyword == "pattern" && rules_.pattern_problem != nullptr) {
      if (const auto problem = rules_.pattern_problem(view(value.get_string()))) {
        return gap(place, keyword,
                   std::format("{} {}; replies are held to the pattern when they are read", rules_.name, *problem));
      }
    }
    if (keyword == "enum") return choices(value.get_array(), place, out);
    out[keyword] = inner(keyword, value, place);
  }

  static bool is_range(std::string_view keyword) {
    return keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum" ||
           keyword == "exclusiveMaximum" || keyword == "multipleOf";
  }

  static bool is_length(std::string_view keyword) {
    return keyword == "minLength" || keyword == "maxLength" || keyword == "minItems" || keyword == "maxItems";
  }

  Json inner(std::string_view keyword, const Json& value, const Place& place) {
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

  void properties(const JsonObject& in, const JsonObject& members, const Place& place, JsonObject& out) {
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

  /// What holds for the members of an object that are not named.
  void close(const JsonObject& in, const Place& place, JsonObject& out) {
    if (const auto* type = in.if_contains("type"); type == nullptr || *type != Json("object")) return;
    const auto* other = in.if_contains("additionalProperties");
    if (other != nullptr && *other == Json(false)) return;
    if (const auto* members = in.if_contains("properties"); members != nullptr && rules_.names_limit_other_members) {
      for (const auto& member : members->get_object()) {
        if (std::ranges::all_of(member.key(),
                                [](char c) { return text::is_letter(c) || text::is_digit(c) || c == '_'; }))
          continue;
        return refuse(
            place, "additionalProperties",
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

  void default_of(const Json& value, const Place& place) {
    if (rules_.requires_all) return;  // told where the member is made required
    gap(place, "default",
        std::format("{} has no `default`; where a reply leaves the member out, it gets {} when it is read", rules_.name,
                    to_text(value)));
  }

  /// A tuple as a list of whatever its places may hold.
  void tuple_items(const JsonArray& items, const Place& place, JsonObject& out) {
    JsonArray kinds;
    for (std::size_t i = 0; i < items.size(); ++i) {
      Json each = schema(items[i].get_object(), {std::format("{}[{}]", place.path, i), place.is_required});
      if (!std::ranges::contains(kinds, each)) kinds.push_back(std::move(each));
    }
    if (kinds.size() == 1) {
      out["items"] = kinds[0];
      return;
    }
    out["items"] = JsonObject{{"anyOf", std::move(kinds)}};
    gap(place, "prefixItems",
        std::format("{} has no tuples: the order of their types is held to when replies are read", rules_.name));
  }

  /// `> 3` of an integer is `>= 4`.
  void inclusive(const JsonObject& in, std::string_view keyword, const Json& value, const Place& place,
                 JsonObject& out) {
    const bool is_low = keyword == "exclusiveMinimum";
    const std::string_view other = is_low ? "minimum" : "maximum";
    if (!knows(other)) return drop(place, keyword);
    const bool is_exact = in.contains("type") && in.at("type") == Json("integer") && value.is_int64() &&
                          value.get_int64() != INT64_MAX && value.get_int64() != INT64_MIN;
    if (in.contains(other)) return drop(place, keyword);
    out[other] = is_exact ? Json(value.get_int64() + (is_low ? 1 : -1)) : value;
    if (!is_exact)
      gap(place, keyword,
          std::format("{} has no `{}`: {} itself is turned away when replies are read", rules_.name, keyword,
                      to_text(value)));
  }

  void choices(const JsonArray& values, const Place& place, JsonObject& out) {
    const auto fits = [&](const Json& value) {
      return value.is_string() || value.is_number() ||
             (rules_.enumerates_booleans && (value.is_bool() || value.is_null()));
    };
    if (!std::ranges::all_of(values, fits)) return drop(place, "enum");
    out["enum"] = values;
  }

  void check_size(const JsonObject& schema) {
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

  const Rules& rules_;
  std::vector<SchemaGap> gaps_;
  std::set<std::string, std::less<>> recursive_;
  std::size_t optional_members_ = 0;
  std::size_t unions_ = 0;
};

}  // namespace

ExportedSchema restrict(ExportedSchema whole, const Rules& rules) {
  return Restrictor(rules, std::move(whole.gaps)).run(std::move(whole.schema));
}

}  // namespace dspy::json_schema
