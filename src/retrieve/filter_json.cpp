#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/filter.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Op = Filter::Op;

constexpr std::array names = {
    std::pair(Op::all, std::string_view("$and")),
    std::pair(Op::any, std::string_view("$or")),
    std::pair(Op::negation, std::string_view("$not")),
    std::pair(Op::eq, std::string_view("$eq")),
    std::pair(Op::ne, std::string_view("$ne")),
    std::pair(Op::gt, std::string_view("$gt")),
    std::pair(Op::gte, std::string_view("$gte")),
    std::pair(Op::lt, std::string_view("$lt")),
    std::pair(Op::lte, std::string_view("$lte")),
    std::pair(Op::in, std::string_view("$in")),
    std::pair(Op::nin, std::string_view("$nin")),
    std::pair(Op::exists, std::string_view("$exists")),
    std::pair(Op::contains, std::string_view("$contains")),
};

constexpr int most_levels = 64;

[[noreturn]] void fail(const std::string& place, const std::string& why) {
  throw Error(Errc::invalid_parameter, std::format("the filter{} {}", place.empty() ? "" : " at `" + place + "`", why));
}

Op op_named(std::string_view name, const std::string& place) {
  if (const auto* const found = std::ranges::find(names, name, [](const auto& pair) { return pair.second; });
      found != names.end())
    return found->first;
  std::vector<std::string> known;
  for (const auto& [op, text] : names) known.emplace_back(text);
  const auto near = text::nearest(name, known);
  fail(place,
       std::format("has the unknown operator `{}`; {}", name,
                   near ? std::format("did you mean `{}`?", *near) : "there is " + text::enumerate(known, "`", "and")));
}

Filter condition(std::string_view field, Op op, const Json& value, const std::string& place) {
  switch (op) {
    case Op::eq: return Filter::eq(field, value);
    case Op::ne: return Filter::ne(field, value);
    case Op::gt: return Filter::gt(field, value);
    case Op::gte: return Filter::gte(field, value);
    case Op::lt: return Filter::lt(field, value);
    case Op::lte: return Filter::lte(field, value);
    case Op::contains: return Filter::contains(field, value);
    case Op::exists:
      if (!value.is_bool()) fail(place, "wants true or false for `$exists`");
      return Filter::exists(field, value.get_bool());
    case Op::in:
    case Op::nin:
      if (!value.is_array()) fail(place, std::format("wants a list for `{}`", to_string(op)));
      return op == Op::in ? Filter::in(field, value.get_array()) : Filter::nin(field, value.get_array());
    default: fail(place, std::format("has `{}` inside a field; it applies to whole filters", to_string(op)));
  }
}

Filter read(const Json& json, const std::string& place, int levels);

Filter read_field(std::string_view field, const Json& json, const std::string& place) {
  const auto* const object = json.if_object();
  if (object == nullptr) return condition(field, Op::eq, json, place);
  if (object->empty()) fail(place, "has no operator; write `{\"$eq\": …}`");
  std::vector<Filter> all;
  for (const auto& member : *object) {
    const std::string name(member.key());
    if (!name.starts_with('$'))
      fail(place, std::format("has `{}` where an operator such as `$eq` belongs; only metadata fields can be filtered, "
                              "not members inside them",
                              name));
    all.push_back(condition(field, op_named(name, place), member.value(), place));
  }
  return Filter::all(std::move(all));
}

Filter read_member(std::string_view name, const Json& value, const std::string& place, int levels) {
  if (!name.starts_with('$')) return read_field(name, value, place);
  const auto op = op_named(name, place);
  if (op == Op::negation) return !read(value, place, levels);
  if (op != Op::all && op != Op::any) fail(place, std::format("has `{}` without a field", name));
  if (!value.is_array()) fail(place, std::format("wants a list of filters for `{}`", name));
  std::vector<Filter> parts;
  for (const auto& part : value.get_array())
    parts.push_back(read(part, std::format("{}[{}]", place, parts.size()), levels));
  return op == Op::all ? Filter::all(std::move(parts)) : Filter::any(std::move(parts));
}

Filter read(const Json& json, const std::string& place, int levels) {
  if (levels > most_levels) fail(place, std::format("is nested more than {} deep", most_levels));
  const auto* const object = json.if_object();
  if (object == nullptr) fail(place, "is not an object such as `{\"lang\": \"en\"}`");
  std::vector<Filter> all;
  for (const auto& member : *object) {
    const std::string_view name(member.key());
    all.push_back(read_member(name, member.value(),
                              place.empty() ? std::string(name) : std::format("{}.{}", place, name), levels + 1));
  }
  return Filter::all(std::move(all));
}

}  // namespace

std::string_view to_string(Filter::Op op) noexcept {
  const auto* const found = std::ranges::find(names, op, [](const auto& pair) { return pair.first; });
  return found == names.end() ? "everything" : found->second;
}

JsonObject to_json(const Filter& filter) {
  const std::string name(to_string(filter.op()));
  switch (filter.op()) {
    case Op::everything: return {};
    case Op::negation: return {{name, to_json(filter.parts().front())}};
    case Op::all:
    case Op::any: {
      JsonArray parts;
      for (const auto& part : filter.parts()) parts.emplace_back(to_json(part));
      return {{name, std::move(parts)}};
    }
    default: return {{filter.field(), JsonObject{{name, filter.value()}}}};
  }
}

Filter filter_from_json(const Json& json) {
  return read(json, "", 0);
}

}  // namespace dspy
