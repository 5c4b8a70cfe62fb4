#include "schema_size.hpp"

#include "dspy/base/text.hpp"
#include "schema_writer.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::json_schema {
namespace {

/// Calls `visit` with each `$ref` in a schema that this library wrote.
template <class F>
void each_reference(const Json& schema, F&& visit) {
  if (const auto* items = schema.if_array()) {
    for (const auto& item : *items) each_reference(item, visit);
  } else if (const auto* members = schema.if_object()) {
    if (const auto* ref = members->if_contains("$ref"); ref != nullptr && ref->is_string())
      visit(view(ref->get_string()).substr(definitions.size()));
    for (const auto& member : *members) {
      if (member.key() != "default" && member.key() != "enum") each_reference(member.value(), visit);
    }
  }
}

void count(const Json& schema, std::size_t level, SchemaSize& out) {
  if (const auto* items = schema.if_array()) {
    for (const auto& item : *items) count(item, level, out);
    return;
  }
  const auto* members = schema.if_object();
  if (members == nullptr) return;
  out.levels = std::max(out.levels, level);
  for (const auto& [keyword, value] : *members) {
    if (keyword == "properties" || keyword == "$defs") {
      out.properties += keyword == "properties" ? value.get_object().size() : 0;
      for (const auto& [name, member] : value.get_object()) {
        out.characters += name.size();
        count(member, keyword == "properties" ? level + 1 : level, out);
      }
    } else if (keyword == "enum") {
      out.choices += value.get_array().size();
      for (const auto& choice : value.get_array())
        out.characters += choice.is_string() ? choice.get_string().size() : 0;
    } else {
      count(value, keyword == "items" ? level + 1 : level, out);
    }
  }
}

}  // namespace

SchemaSize size_of(const JsonObject& schema) {
  SchemaSize out;
  count(schema, 0, out);
  return out;
}

std::set<std::string, std::less<>> recursive_names(const JsonObject& defs) {
  std::set<std::string, std::less<>> out;
  for (const auto& [name, definition] : defs) {
    std::set<std::string, std::less<>> seen;
    std::vector<std::string> open{std::string(name)};
    while (!open.empty()) {
      const auto current = std::move(open.back());
      open.pop_back();
      each_reference(defs.at(current), [&](std::string_view next) {
        if (seen.emplace(next).second) open.emplace_back(next);
      });
    }
    if (seen.contains(std::string_view(name))) out.emplace(name);
  }
  return out;
}

}  // namespace dspy::json_schema
