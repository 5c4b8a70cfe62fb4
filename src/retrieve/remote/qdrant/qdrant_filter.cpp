#include "retrieve/remote/qdrant/qdrant_filter.hpp"

#include "retrieve/remote/rest.hpp"

#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::remote {
namespace {

constexpr std::string_view kind = "qdrant";

std::string key_of(std::string_view field) {
  if (field == "id" || field == "text" || field == "source") return std::string(field);
  if (field.find_first_of(".[]\"") != std::string_view::npos)
    unsupported(kind, std::format("filter by a field called `{}`, whose name has a sign of paths", field));
  return std::format("scalar.{}", field);
}

JsonObject matching(std::string_view field, const Json& value) {
  const auto key = key_of(field);
  if (value.is_null()) return {{"is_null", JsonObject{{"key", key}}}};
  if (value.is_number()) {
    const auto number = comparable(value, kind);
    return {{"key", key}, {"range", JsonObject{{"gte", number}, {"lte", number}}}};
  }
  return {{"key", key}, {"match", JsonObject{{"value", value}}}};
}

JsonObject any_matching(std::string_view field, const JsonArray& values) {
  JsonArray out;
  for (const auto& value : values) out.push_back(matching(field, value));
  if (out.empty()) return {{"has_id", JsonArray{}}};  // which nothing has
  return {{"should", std::move(out)}};
}

JsonObject negated(JsonObject condition) {
  return {{"must_not", JsonArray{std::move(condition)}}};
}

JsonObject lowered(const Filter& filter) {
  using Op = Filter::Op;
  const auto parts = [&] {
    JsonArray out;
    for (const auto& part : filter.parts()) out.push_back(lowered(part));
    return out;
  };
  switch (filter.op()) {
    case Op::everything: return {{"must", JsonArray{}}};
    case Op::all: return {{"must", parts()}};
    case Op::any:
      if (filter.parts().empty()) return any_matching("id", {});
      return {{"should", parts()}};
    case Op::negation: return negated(lowered(filter.parts().front()));
    case Op::eq: return matching(filter.field(), filter.value());
    case Op::ne: return negated(matching(filter.field(), filter.value()));
    case Op::in: return any_matching(filter.field(), filter.value().as_array());
    case Op::nin: return negated(any_matching(filter.field(), filter.value().as_array()));
    case Op::exists: {
      key_of(filter.field());
      const JsonObject there{{"key", "fields"}, {"match", JsonObject{{"value", filter.field()}}}};
      return filter.value().as_bool() ? there : negated(there);
    }
    case Op::contains: unsupported(kind, "tell whether a text contains another; keep lists and use `in`");
    default: break;
  }
  if (!filter.value().is_number()) unsupported(kind, "tell which of two texts comes first");
  const std::string_view bound = filter.op() == Op::gt    ? "gt"
                                 : filter.op() == Op::gte ? "gte"
                                 : filter.op() == Op::lt  ? "lt"
                                                          : "lte";
  return {{"key", key_of(filter.field())}, {"range", JsonObject{{bound, comparable(filter.value(), kind)}}}};
}

}  // namespace

JsonObject qdrant_fields(const Passage& passage) {
  JsonObject scalars, lists;
  JsonArray names;
  for (const auto& [name, value] : passage.metadata) {
    names.push_back(Json(std::string_view(name)));
    if (value.is_array()) {
      JsonArray elements;
      for (const auto& each : value.get_array())
        if (!each.is_structured()) elements.push_back(comparable(each, kind));
      lists[name] = std::move(elements);
    } else if (!value.is_object()) {
      scalars[name] = comparable(value, kind);
    }
  }
  return {{"scalar", std::move(scalars)}, {"list", std::move(lists)}, {"fields", std::move(names)}};
}

JsonObject qdrant_filter(const Filter& filter) {
  auto out = lowered(filter);
  if (out.contains("must") || out.contains("should") || out.contains("must_not")) return out;
  return {{"must", JsonArray{std::move(out)}}};
}

}  // namespace dspy::remote
