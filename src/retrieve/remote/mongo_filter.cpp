#include "retrieve/remote/mongo_filter.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "retrieve/remote/rest.hpp"

#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::remote {
namespace {

constexpr std::string_view whole = "dspy_passage";

/// What nothing meets, and what everything does, cannot be said: they are taken out of the filter.
struct Lowered {
  std::optional<bool> always = {};  ///< Set: the condition is always met, or never.
  JsonObject condition = {};
};

class Lowering {
 public:
  explicit Lowering(const MongoAbilities& abilities) : abilities_(abilities) {}

  Lowered operator()(const Filter& filter) const {
    using Op = Filter::Op;
    switch (filter.op()) {
      case Op::everything: return {.always = true};
      case Op::all: return joined(filter, "$and", false);
      case Op::any: return joined(filter, "$or", true);
      case Op::negation:
        unsupported(abilities_.kind, std::format("negate `{}`, which is not met where the field is missing either",
                                                 to_string(filter.parts().front().op())));
      case Op::exists:
        if (!abilities_.exists) unsupported(abilities_.kind, "tell whether a field is there");
        return {.condition = single(filter, "$exists", filter.value())};
      case Op::contains: unsupported(abilities_.kind, "look into lists and texts (`contains`)");
      case Op::in:
      case Op::nin: return one_of(filter);
      case Op::eq:
      case Op::ne: return {.condition = single(filter, filter.op() == Op::eq ? "$eq" : "$ne", scalar(filter.value()))};
      default: break;
    }
    if (!filter.value().is_number()) unsupported(abilities_.kind, "tell which of two texts comes first");
    return {.condition = single(filter, to_string(filter.op()), scalar(filter.value()))};
  }

 private:
  Json scalar(const Json& value) const {
    if (value.is_null()) unsupported(abilities_.kind, "compare with null");
    return comparable(value, abilities_.kind);
  }

  JsonObject single(const Filter& filter, std::string_view op, const Json& value) const {
    const auto& field = filter.field();
    if (field == "id" || field == "text")
      unsupported(abilities_.kind, std::format("filter by a passage's `{}`", field));
    if (!abilities_.ne_meets_missing && (op == "$ne" || op == "$nin"))
      unsupported(abilities_.kind, std::format("say `{}` of fields that may be missing", op));
    return {{field == "source" ? "dspy_source" : field, JsonObject{{op, value}}}};
  }

  /// Lists have values of one kind; those of several become several.
  Lowered one_of(const Filter& filter) const {
    const bool is_in = filter.op() == Filter::Op::in;
    JsonArray texts, numbers, flags;
    for (const auto& value : filter.value().as_array()) {
      const auto each = scalar(value);
      (each.is_string() ? texts : each.is_bool() ? flags : numbers).push_back(each);
    }
    JsonArray parts;
    for (auto* const list : {&texts, &numbers, &flags})
      if (!list->empty()) parts.push_back(single(filter, is_in ? "$in" : "$nin", Json(*list)));
    if (parts.empty()) return {.always = !is_in};
    if (parts.size() == 1) return {.condition = parts.front().as_object()};
    return {.condition = {{is_in ? "$or" : "$and", std::move(parts)}}};
  }

  Lowered joined(const Filter& filter, std::string_view op, bool absorbing) const {
    JsonArray parts;
    for (const auto& each : filter.parts()) {
      auto part = (*this)(each);
      if (part.always == absorbing) return part;
      if (!part.always) parts.push_back(std::move(part.condition));
    }
    if (parts.empty()) return {.always = !absorbing};
    if (parts.size() == 1) return {.condition = parts.front().as_object()};
    return {.condition = {{op, std::move(parts)}}};
  }

  const MongoAbilities& abilities_;
};

}  // namespace

std::optional<JsonObject> mongo_filter(const Filter& filter, const MongoAbilities& abilities) {
  auto lowered = Lowering(abilities)(pushed_down(filter));
  if (!lowered.always) return std::move(lowered.condition);
  if (*lowered.always) return {};
  // Every passage has this member, and it is never empty.
  return JsonObject{{whole, JsonObject{{"$eq", ""}}}};
}

JsonObject flat_metadata(const Passage& passage, std::string_view kind) {
  JsonObject out;
  for (const auto& [name, value] : passage.metadata) {
    if (value.is_null() || value.is_structured()) continue;
    if (std::string_view(name).starts_with("dspy_") || std::string_view(name).contains(':'))
      throw Error(Errc::invalid_parameter,
                  std::format("a store of kind {} keeps no metadata under the name `{}`; choose "
                              "another",
                              kind, std::string_view(name)));
    out[name] = comparable(value, kind);
  }
  out["dspy_source"] = passage.source;
  out[whole] = to_text(JsonObject{{"begin", passage.begin}, {"end", passage.end}, {"metadata", passage.metadata}});
  return out;
}

Passage passage_of_flat(std::string id, std::string text, const Json& metadata, std::string_view kind) {
  const auto rest = parse_json(view(member(metadata, whole, kind).as_string()));
  if (!rest) throw Error(Errc::backend_error, std::format("the passage `{}` was not kept by this library", id));
  return {.id = std::move(id),
          .text = std::move(text),
          .metadata = member(*rest, "metadata", kind).as_object(),
          .source = std::string(view(member(metadata, "dspy_source", kind).as_string())),
          .begin = member(*rest, "begin", kind).to_number<std::size_t>(),
          .end = member(*rest, "end", kind).to_number<std::size_t>()};
}

}  // namespace dspy::remote
