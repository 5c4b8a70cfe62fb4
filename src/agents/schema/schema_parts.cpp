#include "agents/schema/json_equal.hpp"
#include "agents/schema/schema_checker.hpp"
#include "signature/fit/fit.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <string>
#include <utility>

// The keywords of JSON Schema that look at the parts of a value, or at the value by several schemas.

namespace dspy {
namespace {

std::string member_path(const std::string& path, std::string_view name) {
  const auto own = path_of(name);
  return path.empty() || own.starts_with('[') ? path + own : path + "." + own;
}

std::string item_path(const std::string& path, std::size_t index) {
  return std::format("{}[{}]", path, index);
}

}  // namespace

bool SchemaChecker::members(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen) {
  const auto& object = value.get_object();
  bool good = counts(schema, value, path, object.size(), "minProperties", "maxProperties", "members");
  if (const auto* const required = schema.if_contains("required")) {
    for (const auto& name : required->get_array()) {
      if (!object.contains(view(name.get_string())))
        good = tell(member_path(path, view(name.get_string())), "missing", nullptr, "is missing");
    }
  }
  const auto* const properties = schema.if_contains("properties");
  const auto* const patterns = schema.if_contains("patternProperties");
  const auto* const others = schema.if_contains("additionalProperties");
  const auto* const names = schema.if_contains("propertyNames");
  for (const auto& [key, member] : object) {
    const auto at = member_path(path, key);
    bool is_known = false;
    SeenParts inside;
    if (const auto* const own = properties != nullptr ? properties->get_object().if_contains(key) : nullptr) {
      is_known = true;
      good = check(*own, member, at, inside) && good;
    }
    if (patterns != nullptr) {
      for (const auto& [expression, each] : patterns->get_object()) {
        if (!index_.pattern(expression).is_found_in(key)) continue;
        is_known = true;
        good = check(each, member, at, inside) && good;
      }
    }
    if (!is_known && others != nullptr) {
      is_known = true;
      if (others->is_bool() && !others->get_bool()) {
        good = tell(at, "unknown", member, "is not known; leave it out");
      } else {
        good = check(*others, member, at, inside) && good;
      }
    }
    if (is_known && index_.has_unevaluated()) seen.members.insert(std::string(key));
    if (names != nullptr && !quietly(*names, Json(key), inside))
      good = tell(at, "propertyNames", Json(key), "has a name that is not allowed");
  }
  return dependent(schema, value, path, seen) && good;
}

bool SchemaChecker::dependent(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen) {
  const auto& object = value.get_object();
  bool good = true;
  for (const std::string_view keyword : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const auto* const all = schema.if_contains(keyword);
    if (all == nullptr) continue;
    for (const auto& [name, wanted] : all->get_object()) {
      if (!object.contains(name)) continue;
      if (!wanted.is_array()) {
        good = check(wanted, value, path, seen) && good;
        continue;
      }
      for (const auto& other : wanted.get_array()) {
        if (!object.contains(view(other.get_string())))
          good = tell(member_path(path, view(other.get_string())), "missing", nullptr,
                      std::format("is missing, though `{}` is there", std::string_view(name)));
      }
    }
  }
  return good;
}

bool SchemaChecker::items(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen) {
  const auto& array = value.get_array();
  bool good = counts(schema, value, path, array.size(), "minItems", "maxItems", "items");
  const auto* first = schema.if_contains("prefixItems");
  const auto* rest = schema.if_contains("items");
  if (rest != nullptr && rest->is_array()) {  // as older drafts had it
    first = rest;
    rest = schema.if_contains("additionalItems");
  }
  const auto placed = first != nullptr ? std::min(first->get_array().size(), array.size()) : 0;
  SeenParts inside;
  for (std::size_t i = 0; i < placed; ++i)
    good = check(first->get_array()[i], array[i], item_path(path, i), inside) && good;
  seen.items = std::max(seen.items, placed);
  if (rest != nullptr) {
    for (auto i = placed; i < array.size(); ++i) good = check(*rest, array[i], item_path(path, i), inside) && good;
    seen.all_items = true;
  }
  if (const auto* const unique = schema.if_contains("uniqueItems"); unique != nullptr && unique->get_bool()) {
    for (std::size_t i = 1; i < array.size() && good; ++i) {
      const auto same = std::find_if(array.begin(), array.begin() + static_cast<std::ptrdiff_t>(i),
                                     [&](const Json& each) { return json_equal(each, array[i]); });
      if (same != array.begin() + static_cast<std::ptrdiff_t>(i))
        good = tell(item_path(path, i), "uniqueItems", array[i], "is there twice");
    }
  }
  return contained(schema, value, path, seen) && good;
}

bool SchemaChecker::contained(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen) {
  const auto* const wanted = schema.if_contains("contains");
  if (wanted == nullptr) return true;
  const auto& array = value.get_array();
  std::size_t count = 0;
  for (std::size_t i = 0; i < array.size(); ++i) {
    SeenParts inside;
    if (!quietly(*wanted, array[i], inside)) continue;
    ++count;
    seen.others.insert(i);
  }
  const auto* const least = schema.if_contains("minContains");
  const auto* const most = schema.if_contains("maxContains");
  bool good = true;
  if (static_cast<double>(count) < (least != nullptr ? least->to_number<double>() : 1.0))
    good = tell(path, "contains", value, std::format("has {} matching items, too few", count));
  if (most != nullptr && static_cast<double>(count) > most->to_number<double>())
    good = tell(path, "maxContains", value, std::format("has {} matching items, more than {}", count, shown(*most)));
  return good;
}

bool SchemaChecker::combined(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen) {
  bool good = true;
  if (const auto* const all = schema.if_contains("allOf")) {
    for (const auto& each : all->get_array()) good = check(each, value, path, seen) && good;
  }
  good = alternatives(schema, value, path, seen) && good;
  if (const auto* const denied = schema.if_contains("not")) {
    SeenParts inside;
    if (quietly(*denied, value, inside))
      good = tell(path, "not", value, std::format("is {}, which is ruled out", shown(value)));
  }
  if (const auto* const condition = schema.if_contains("if")) {
    SeenParts inside;
    const bool holds = quietly(*condition, value, inside);
    if (holds) seen.add(inside);
    if (const auto* const branch = schema.if_contains(holds ? "then" : "else"))
      good = check(*branch, value, path, seen) && good;
  }
  return good;
}

bool SchemaChecker::alternatives(const JsonObject& schema, const Json& value, const std::string& path,
                                 SeenParts& seen) {
  bool good = true;
  for (const std::string_view keyword : {"anyOf", "oneOf"}) {
    const auto* const choices = schema.if_contains(keyword);
    if (choices == nullptr) continue;
    std::size_t fitting = 0;
    for (const auto& each : choices->get_array()) {
      SeenParts inside;
      if (!quietly(each, value, inside)) continue;
      ++fitting;
      seen.add(inside);
    }
    const bool is_one = keyword == "oneOf";
    if (fitting == 0 && choices->get_array().size() == 1) {
      good = check(choices->get_array()[0], value, path, seen) && good;
    } else if (fitting == 0) {
      good = tell(path, keyword, value, std::format("is {}, which fits none of the alternatives", shown(value)));
    } else if (is_one && fitting > 1) {
      good = tell(path, keyword, value,
                  std::format("is {}, which fits {} alternatives instead of one", shown(value), fitting));
    }
  }
  return good;
}

bool SchemaChecker::unevaluated(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen) {
  bool good = true;
  SeenParts inside;
  const auto* const members = schema.if_contains("unevaluatedProperties");
  if (members != nullptr && value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      if (seen.all_members || seen.members.contains(std::string_view(key))) continue;
      good = check(*members, member, member_path(path, key), inside) && good;
    }
    seen.all_members = true;
  }
  const auto* const rest = schema.if_contains("unevaluatedItems");
  if (rest != nullptr && value.is_array()) {
    const auto& array = value.get_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (seen.all_items || i < seen.items || seen.others.contains(i)) continue;
      good = check(*rest, array[i], item_path(path, i), inside) && good;
    }
    seen.all_items = true;
  }
  return good;
}

}  // namespace dspy
