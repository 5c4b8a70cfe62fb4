#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/qdrant/qdrant_filter.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/store_over.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Qdrant (REST, `points/query`).  A point's payload has the passage as it is, and beside it what filters look at:
// scalars under `scalar`, elements of lists under `list`, and the names of all fields, since its own conditions do not
// tell a list from an element, nor an empty list from none.

namespace dspy {
namespace {

using remote::ask;
using remote::member;
constexpr std::string_view kind = "qdrant";

/// What is known of the collection.
struct Collection {
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
};

struct State {
  remote::Server server;
  std::string path;  ///< `/collections/name`.
  RemoteStoreOptions options;
  std::mutex mutex;
  std::optional<Collection> collection;  ///< Once it is known to be there.
};
using Shared = std::shared_ptr<State>;

std::string distance_name(Similarity similarity) {
  return similarity == Similarity::cosine ? "Cosine" : similarity == Similarity::dot ? "Dot" : "Euclid";
}

Passage passage_of(const Json& point, bool with_vector) {
  auto passage = remote::passage_of(member(point, "payload", kind).as_object());
  if (with_vector) passage.vector = remote::vector_of(member(point, "vector", kind), kind);
  return passage;
}

/// The collection, if it is there.
Async<std::optional<Collection>> find(Shared state) {
  {
    const std::lock_guard lock(state->mutex);
    if (state->collection) co_return state->collection;
  }
  const auto answer = co_await ask(state->server, "GET", state->path, {}, {}, {404});
  if (answer.status == 404) co_return std::nullopt;
  const auto& vectors =
      member(member(member(member(answer.body, "result", kind), "config", kind), "params", kind), "vectors", kind);
  if (!vectors.is_object() || !vectors.get_object().contains("size"))
    throw Error(Errc::config_error, "the collection has named vectors; use one with a single vector a point");
  const auto distance = view(member(vectors, "distance", kind).as_string());
  const Collection found{.dimensions = member(vectors, "size", kind).to_number<std::size_t>(),
                         .similarity = distance == "Cosine" ? Similarity::cosine
                                       : distance == "Dot"  ? Similarity::dot
                                                            : Similarity::euclidean};
  if (distance == "Manhattan") remote::unsupported(kind, "be asked by Manhattan distance");
  if (state->options.similarity && *state->options.similarity != found.similarity)
    throw Error(Errc::config_error, std::format("the collection compares by {}, not by {}", to_string(found.similarity),
                                                to_string(*state->options.similarity)));
  const std::lock_guard lock(state->mutex);
  state->collection = found;
  co_return found;
}

Async<Collection> require(Shared state) {
  const auto found = co_await find(state);
  if (!found)
    throw Error(Errc::config_error, "the collection is not there yet; it is made when passages are first kept");
  co_return *found;
}

Async<Collection> find_or_make(Shared state, std::size_t dimensions) {
  if (const auto found = co_await find(state)) co_return *found;
  if (!state->options.create) throw Error(Errc::config_error, "there is no such collection, and none may be made");
  const auto similarity = state->options.similarity.value_or(Similarity::cosine);
  // 409: another process was faster.
  co_await ask(state->server, "PUT", state->path,
               {{"vectors", JsonObject{{"size", dimensions}, {"distance", distance_name(similarity)}}}}, {}, {409});
  co_return co_await require(state);
}

Async<void> upsert(Shared state, std::vector<Passage> passages) {
  if (passages.empty()) co_return;
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  remote::require_vectors(passages, kind);
  const auto wanted = state->options.dimensions;
  check_passages(passages, wanted, state->options.similarity.value_or(Similarity::cosine));
  const auto collection = co_await find_or_make(state, passages.front().vector.size());
  check_passages(passages, collection.dimensions, collection.similarity);
  const auto batch = state->options.batch == 0 ? 256 : state->options.batch;
  for (std::size_t begin = 0; begin < passages.size(); begin += batch) {
    JsonArray points;
    for (auto i = begin; i < std::min(begin + batch, passages.size()); ++i) {
      auto payload = remote::payload_of(passages[i]);
      for (auto& [name, value] : remote::qdrant_fields(passages[i])) payload[name] = value;
      points.push_back(JsonObject{{"id", remote::uuid_of(passages[i].id)},
                                  {"vector", remote::numbers(passages[i].vector)},
                                  {"payload", std::move(payload)}});
    }
    co_await ask(state->server, "PUT", state->path + "/points?wait=true", {{"points", std::move(points)}});
  }
}

JsonArray uuids_of(const std::vector<std::string>& ids) {
  JsonArray out;
  for (const auto& id : ids) out.emplace_back(remote::uuid_of(id));
  return out;
}

Async<std::optional<std::size_t>> remove(Shared state, JsonObject which) {
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  if (co_await find(state))
    co_await ask(state->server, "POST", state->path + "/points/delete?wait=true", std::move(which));
  co_return std::nullopt;
}

Async<std::vector<Hit>> search(Shared state, StoreQuery query) {
  remote::require_vector_search(query, kind);
  const auto filter = remote::qdrant_filter(query.filter);
  const auto collection = co_await find(state);
  if (!collection) co_return std::vector<Hit>();
  check_query(query, collection->dimensions, collection->similarity);
  JsonObject body{{"query", remote::numbers(query.vector)},
                  {"limit", query.k},
                  {"with_payload", true},
                  {"with_vector", query.with_vectors}};
  if (!query.filter.is_everything()) body["filter"] = filter;
  if (query.exact) body["params"] = JsonObject{{"exact", true}};
  const auto answer = co_await ask(state->server, "POST", state->path + "/points/query", std::move(body), query.stop);
  std::vector<Hit> hits;
  for (const auto& point : remote::list(member(member(answer.body, "result", kind), "points", kind), kind)) {
    const auto own = member(point, "score", kind).to_number<double>();
    hits.push_back(remote::hit_of(passage_of(point, query.with_vectors),
                                  collection->similarity == Similarity::euclidean ? -own : own, own, hits.size() + 1));
  }
  co_return hits;
}

Async<std::size_t> count(Shared state, Filter filter) {
  const auto lowered = remote::qdrant_filter(filter);
  if (!co_await find(state)) co_return 0;
  const auto answer =
      co_await ask(state->server, "POST", state->path + "/points/count", {{"filter", lowered}, {"exact", true}});
  co_return member(member(answer.body, "result", kind), "count", kind).to_number<std::size_t>();
}

Async<ScanPage> scan(Shared state, Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  JsonObject body{{"filter", remote::qdrant_filter(filter)},
                  {"limit", limit},
                  {"with_payload", true},
                  {"with_vector", with_vectors}};
  if (!cursor.empty()) body["offset"] = cursor;
  ScanPage page;
  if (!co_await find(state)) co_return page;
  const auto answer = co_await ask(state->server, "POST", state->path + "/points/scroll", std::move(body));
  const auto& result = member(answer.body, "result", kind);
  for (const auto& point : remote::list(member(result, "points", kind), kind))
    page.passages.push_back(passage_of(point, with_vectors));
  const auto& next = member(result, "next_page_offset", kind);
  if (next.is_string()) page.next = std::string(view(next.get_string()));
  co_return page;
}

Async<std::vector<Passage>> get(Shared state, std::vector<std::string> ids) {
  if (ids.empty() || !co_await find(state)) co_return std::vector<Passage>();
  const auto answer = co_await ask(state->server, "POST", state->path + "/points",
                                   {{"ids", uuids_of(ids)}, {"with_payload", true}, {"with_vector", true}});
  std::vector<Passage> found;
  for (const auto& point : remote::list(member(answer.body, "result", kind), kind)) {
    found.push_back(passage_of(point, true));
  }
  co_return remote::in_order(ids, found);
}

Async<StoreInfo> info(Shared state) {
  const auto found = co_await find(std::move(state));
  co_return remote::info_of(kind, found);
}

Async<std::optional<std::size_t>> remove_ids(Shared state, std::vector<std::string> ids) {
  JsonObject which{{"points", uuids_of(ids)}};
  co_return co_await remove(std::move(state), std::move(which));
}

Async<std::optional<std::size_t>> remove_where(Shared state, Filter filter) {
  JsonObject which{{"filter", remote::qdrant_filter(filter)}};
  co_return co_await remove(std::move(state), std::move(which));
}

constexpr remote::StoreOver<State>::Functions functions{.upsert = upsert,
                                                        .remove = remove_ids,
                                                        .remove_where = remove_where,
                                                        .search = search,
                                                        .count = count,
                                                        .scan = scan,
                                                        .get = get,
                                                        .info = info};

}  // namespace

std::shared_ptr<Store> qdrant_store(std::string_view uri, RemoteStoreOptions options) {
  const auto where = remote::read_uri(uri, kind, 6333, true);
  auto state = std::make_shared<State>();
  state->server = remote::make_server(std::string(kind), where.base, options, "api-key", "QDRANT_API_KEY");
  state->path = std::format("/collections/{}", where.name);
  state->options = std::move(options);
  return std::make_shared<remote::StoreOver<State>>(std::move(state), functions);
}

}  // namespace dspy
