// Single keywords: which of them a dialect supports, and what replaces the others.

#include "schema_restrictor.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <string_view>
#include <utility>

namespace dspy::json_schema {
namespace {

bool is_range(std::string_view keyword) {
  return keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum" ||
         keyword == "exclusiveMaximum" || keyword == "multipleOf";
}

bool is_length(std::string_view keyword) {
  return keyword == "minLength" || keyword == "maxLength" || keyword == "minItems" || keyword == "maxItems";
}

}  // namespace

void Restrictor::keyword_of(const JsonObject& in, std::string_view keyword, const Json& value, const Place& place,
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
    return gap(place, keyword,
               std::format("{} does not enforce the type of keys; it is checked when replies are read", rules_.name));
  if (keyword == "exclusiveMinimum" || keyword == "exclusiveMaximum")
    if (!knows(keyword)) return inclusive(in, keyword, value, place, out);
  if (!knows(keyword)) return drop(place, keyword);

  if (keyword == "format" && !std::ranges::contains(rules_.formats, view(value.get_string())))
    return gap(place, keyword,
               std::format("{} has no format `{}`; it is checked when replies are read", rules_.name,
                           view(value.get_string())));
  if (keyword == "minItems" && value.to_number<std::uint64_t>() > rules_.most_min_items) {
    gap(place, keyword,
        std::format("{} supports `minItems` up to {}; {} is checked when replies are read", rules_.name,
                    rules_.most_min_items, to_text(value)));
    out[keyword] = rules_.most_min_items;
    return;
  }
  if (is_length(keyword) && value.to_number<std::uint64_t>() > rules_.most_repetitions)
    return gap(place, keyword,
               std::format("{} supports `{}` up to {}; {} is checked when replies are read", rules_.name, keyword,
                           rules_.most_repetitions, to_text(value)));
  if (is_range(keyword) && rules_.integer_ranges_only && in.contains("type") && in.at("type") != Json("integer"))
    return gap(
        place, keyword,
        std::format("{} supports `{}` only for integers; it is checked when replies are read", rules_.name, keyword));
  if (keyword == "pattern" && rules_.pattern_problem != nullptr) {
    if (const auto problem = rules_.pattern_problem(view(value.get_string()))) {
      return gap(place, keyword,
                 std::format("{} {}; the pattern is checked when replies are read", rules_.name, *problem));
    }
  }
  if (keyword == "enum") return choices(value.get_array(), place, out);
  out[keyword] = inner(keyword, value, place);
}

void Restrictor::lengths_beside_pattern(const Place& place, JsonObject& out) {
  if (!rules_.pattern_replaces_lengths || !out.contains("pattern")) return;
  for (const std::string_view keyword : {"minLength", "maxLength"}) {
    if (!out.contains(keyword)) continue;
    out.stable_erase(keyword);
    gap(place, keyword,
        std::format("{} ignores `{}` together with a `pattern`; it is checked when replies are read", rules_.name,
                    keyword));
  }
}

void Restrictor::default_of(const Json& value, const Place& place) {
  if (rules_.requires_all) return;  // reported where the member is made required
  gap(place, "default",
      std::format("{} has no `default`; if a reply omits the member, it gets {} when it is read", rules_.name,
                  to_text(value)));
}

void Restrictor::tuple_items(const JsonArray& items, const Place& place, JsonObject& out) {
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
      std::format("{} has no tuples: the order of their types is checked when replies are read", rules_.name));
}

void Restrictor::inclusive(const JsonObject& in, std::string_view keyword, const Json& value, const Place& place,
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
        std::format("{} has no `{}`: {} itself is rejected when replies are read", rules_.name, keyword,
                    to_text(value)));
}

void Restrictor::choices(const JsonArray& values, const Place& place, JsonObject& out) {
  const auto fits = [&](const Json& value) {
    return value.is_string() || value.is_number() ||
           (rules_.enumerates_booleans && (value.is_bool() || value.is_null()));
  };
  if (!std::ranges::all_of(values, fits)) return drop(place, "enum");
  out["enum"] = values;
}

}  // namespace dspy::json_schema
