#include "schema_recursion.hpp"

#include "dspy/signature/field.hpp"

#include <algorithm>
#include <vector>

namespace dspy::json_schema {
namespace {

/// Walks through `type`; `open` holds the names of the objects around the place.
void collect_names(const Type& type, std::vector<std::string_view>& open, std::set<std::string_view>& recursive) {
  if (type.kind == Type::Kind::reference) {
    // Every object on the way back refers to itself through the others.
    const auto from = std::ranges::find(open, std::string_view(type.name));
    recursive.insert(from, open.end());
    return;
  }
  const bool is_object = type.kind == Type::Kind::object;
  if (is_object) open.emplace_back(type.name);
  for (const auto& argument : type.arguments) collect_names(argument, open, recursive);
  for (const auto& member : *type.members) collect_names(member.type, open, recursive);
  if (is_object) open.pop_back();
}

bool is_closed(const Type& type, std::vector<std::string_view>& open) {
  if (type.kind == Type::Kind::reference) return std::ranges::contains(open, std::string_view(type.name));
  const auto closed = [&](const Type& inner) { return is_closed(inner, open); };
  const bool is_object = type.kind == Type::Kind::object;
  if (is_object) open.emplace_back(type.name);
  const bool out =
      std::ranges::all_of(type.arguments, closed) && std::ranges::all_of(*type.members, closed, &Field::type);
  if (is_object) open.pop_back();
  return out;
}

}  // namespace

void note_recursive(const Type& type, std::set<std::string_view>& recursive) {
  std::vector<std::string_view> open;
  collect_names(type, open, recursive);
}

bool is_closed(const Type& type) {
  std::vector<std::string_view> open;
  return is_closed(type, open);
}

}  // namespace dspy::json_schema
