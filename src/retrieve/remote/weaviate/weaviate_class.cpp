#include "retrieve/remote/weaviate/weaviate_class.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "retrieve/remote/facts.hpp"
#include "retrieve/remote/weaviate/weaviate_filter.hpp"

#include <format>
#include <utility>

namespace dspy::remote::weaviate {
namespace {

std::string_view distance_name(Similarity similarity) {
  return similarity == Similarity::cosine ? "cosine" : similarity == Similarity::dot ? "dot" : "l2-squared";
}

Class class_of(const State& state, const Json& body) {
  const auto* const said = body.as_object().if_contains("description");
  const auto about = parse_json(said != nullptr && said->is_string() ? view(said->get_string()) : "");
  const auto* const object = about ? about->if_object() : nullptr;
  const auto* const dspy = object == nullptr ? nullptr : object->if_contains("dspy");
  if (dspy == nullptr)
    throw Error(Errc::config_error,
                std::format("the class `{}` was not made by this library; choose another name", state.name));
  Class out{.dimensions = member(*dspy, "dimensions", kind).to_number<std::size_t>()};
  for (const auto& name : list(member(*dspy, "numbers", kind), kind)) out.numbers.emplace_back(view(name.as_string()));
  const auto metric = view(member(member(body, "vectorIndexConfig", kind), "distance", kind).as_string());
  for (const auto each : {Similarity::cosine, Similarity::dot, Similarity::euclidean})
    if (distance_name(each) == metric) out.similarity = each;
  if (state.options.similarity && *state.options.similarity != out.similarity)
    throw Error(Errc::config_error, std::format("the class compares by {}, not by {}", to_string(out.similarity),
                                                to_string(*state.options.similarity)));
  require_numbers(out.numbers, state.numbers, kind);
  return out;
}

JsonObject property(std::string_view name, std::string_view type, bool is_asked) {
  JsonObject out{{"name", name}, {"dataType", JsonArray{Json(type)}}, {"indexFilterable", is_asked}};
  if (type.starts_with("text")) {
    out["indexSearchable"] = false;
    out["tokenization"] = "field";
  }
  return out;
}

}  // namespace

Async<std::optional<Class>> find(Shared state) {
  {
    const std::lock_guard lock(state->mutex);
    if (state->found) co_return state->found;
  }
  const auto answer = co_await ask(state->server, "GET", "/v1/schema/" + state->name, {}, {}, {404});
  if (answer.status == 404) co_return std::nullopt;
  const auto found = class_of(*state, answer.body);
  const std::lock_guard lock(state->mutex);
  state->found = found;
  co_return found;
}

Async<Class> find_or_make(Shared state, std::size_t dimensions) {
  if (const auto found = co_await find(state)) co_return *found;
  if (!state->options.create)
    throw Error(Errc::config_error, "there is no such class; create it first, or open the store with `create`");
  JsonArray properties{property("passage", "text", false), property("facts", "text[]", true)};
  for (std::size_t i = 0; i < state->numbers.size(); ++i)
    properties.emplace_back(property(weaviate_number(i), "number", true));
  const JsonObject about{{"dspy", JsonObject{{"dimensions", dimensions},
                                             {"numbers", JsonArray(state->numbers.begin(), state->numbers.end())}}}};
  const auto distance = distance_name(state->options.similarity.value_or(Similarity::cosine));
  // 422: another process created it first.
  co_await ask(state->server, "POST", "/v1/schema",
               {{"class", state->name},
                {"description", to_text(about)},
                {"vectorizer", "none"},
                {"vectorIndexType", state->is_approximate ? "hnsw" : "flat"},
                {"vectorIndexConfig", JsonObject{{"distance", distance}}},
                {"properties", std::move(properties)}},
               {}, {422});
  const auto made = co_await find(state);
  if (!made)
    throw Error(Errc::backend_error, std::format("the weaviate server did not create the class `{}`", state->name));
  co_return *made;
}

}  // namespace dspy::remote::weaviate
