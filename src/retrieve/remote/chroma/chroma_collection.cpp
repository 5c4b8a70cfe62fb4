#include "retrieve/remote/chroma/chroma_collection.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"

#include <algorithm>
#include <format>

namespace dspy::remote::chroma {
namespace {

Similarity similarity_of(std::string_view space) {
  if (space == "cosine") return Similarity::cosine;
  return space == "ip" ? Similarity::dot : Similarity::euclidean;
}
std::string_view space_of(Similarity similarity) {
  return similarity == Similarity::cosine ? "cosine" : similarity == Similarity::dot ? "ip" : "l2";
}

/// The distance that the collection was made with.
std::string_view space_in(const Json& body) {
  for (const auto* const place : {"configuration_json", "configuration"}) {
    const auto* const configuration = body.as_object().if_contains(place);
    if (configuration == nullptr || !configuration->is_object()) continue;
    for (const auto* const index : {"hnsw", "spann"}) {
      const auto* const found = configuration->get_object().if_contains(index);
      if (found != nullptr && found->is_object() && found->get_object().contains("space"))
        return view(found->get_object().at("space").as_string());
    }
  }
  throw Error(Errc::backend_error, "the chroma server does not say how the collection compares");
}

Collection collection_of(const State& state, const Json& body) {
  Collection out{.path = std::format("{}/{}", state.path, view(member(body, "id", kind).as_string())),
                 .similarity = similarity_of(space_in(body))};
  if (const auto* const size = body.as_object().if_contains("dimension"); size != nullptr && size->is_number())
    out.dimensions = size->to_number<std::size_t>();
  if (state.options.similarity && *state.options.similarity != out.similarity)
    throw Error(Errc::config_error, std::format("the collection compares by {}, not by {}", to_string(out.similarity),
                                                to_string(*state.options.similarity)));
  return out;
}

}  // namespace

Async<std::optional<Collection>> find(Shared state) {
  {
    const std::lock_guard lock(state->mutex);
    if (state->collection && state->collection->dimensions > 0) co_return state->collection;
  }
  // A missing one is 404; releases before 1.0 said 400 or 500, which stay errors.
  const auto answer = co_await ask(state->server, "GET", std::format("{}/{}", state->path, state->name), {}, {}, {404});
  if (answer.status == 404) {
    if (state->options.is_read_only)
      throw Error(Errc::config_error, std::format("there is no collection `{}`; check its name", state->name));
    co_return std::nullopt;
  }
  auto found = collection_of(*state, answer.body);
  const std::lock_guard lock(state->mutex);
  state->collection = found;
  co_return found;
}

Async<Collection> find_or_make(Shared state) {
  if (const auto found = co_await find(state)) co_return *found;
  if (!state->options.create) throw Error(Errc::config_error, "there is no such collection, and none may be made");
  const auto space = space_of(state->options.similarity.value_or(Similarity::cosine));
  const auto answer = co_await ask(state->server, "POST", state->path,
                                   {{"name", state->name},
                                    {"get_or_create", true},
                                    {"configuration", JsonObject{{"hnsw", JsonObject{{"space", space}}}}}});
  co_return collection_of(*state, answer.body);
}

Async<std::size_t> batch_of(Shared state) {
  if (state->options.batch > 0) co_return state->options.batch;
  {
    const std::lock_guard lock(state->mutex);
    if (state->batch > 0) co_return state->batch;
  }
  const auto answer = co_await ask(state->server, "GET", "/api/v2/pre-flight-checks", {});
  const auto most = member(answer.body, "max_batch_size", kind).to_number<std::size_t>();
  const std::lock_guard lock(state->mutex);
  state->batch = std::clamp<std::size_t>(most, 1, 256);
  co_return state->batch;
}

}  // namespace dspy::remote::chroma
