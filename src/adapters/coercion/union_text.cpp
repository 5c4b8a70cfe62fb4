#include "adapters/coercion/union_text.hpp"

#include "adapters/json/lenient_json.hpp"

#include <algorithm>
#include <format>

namespace dspy {
namespace {

using Kind = Type::Kind;

/// True if JSON, as models write it, is all there is.
bool is_whole_json(std::string_view text) {
  const auto read = read_lenient_json(text);
  return read && read->end == text.size() && !read->repairs.has(JsonRepair::unclosed);
}

}  // namespace

bool is_structure_of(const Type& type, std::string_view text) {
  if (text.size() < 2) return false;
  const auto has = [&](auto... kinds) {
    return std::ranges::any_of(type.arguments, [&](const Type& each) { return ((each.kind == kinds) || ...); });
  };
  const bool has_list = has(Kind::list, Kind::tuple);
  const bool has_object = has(Kind::dict, Kind::object, Kind::reference);
  const auto as_list = [&] { return is_whole_json(std::format("[{}]", text.substr(1, text.size() - 2))); };
  switch (text[0]) {
    case '[': return has_list && text.ends_with(']') && is_whole_json(text);
    case '(': return has_list && text.ends_with(')') && text.contains(',') && as_list();
    case '{':
      if (!text.ends_with('}')) return false;
      return (has_object && is_whole_json(text)) || (has_list && text.size() > 2 && as_list());
    default: return false;
  }
}

}  // namespace dspy
