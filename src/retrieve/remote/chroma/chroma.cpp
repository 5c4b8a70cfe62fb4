#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/chroma/chroma_collection.hpp"
#include "retrieve/remote/mongo_filter.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/store_over.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Chroma, version 2 of its API.  Answers are parallel lists, and those of queries have a list for each query.

namespace dspy {
namespace {

using remote::ask;
using remote::member;
using namespace remote::chroma;
constexpr remote::MongoAbilities abilities{.kind = kind};

/// Sets the fields that a passage no longer has to null, since the server keeps old fields otherwise.
Async<void> forget_old_fields(const State& state, const Collection& collection, const JsonArray& ids,
                              JsonArray& metadata) {
  const auto answer =
      co_await ask(state.server, "POST", collection.path + "/get", {{"ids", ids}, {"include", JsonArray{"metadatas"}}});
  const auto& there = remote::list(member(answer.body, "ids", kind), kind);
  const auto& old = remote::list(member(answer.body, "metadatas", kind), kind);
  for (std::size_t i = 0; i < there.size(); ++i) {
    const auto at = static_cast<std::size_t>(std::ranges::find(ids, there[i]) - ids.begin());
    const auto* const fields = old.at(i).if_object();
    if (fields == nullptr || at == ids.size()) continue;
    for (const auto& [name, value] : *fields)
      if (!metadata[at].get_object().contains(name)) metadata[at].get_object()[name] = nullptr;
  }
}

Async<void> upsert(Shared state, std::vector<Passage> passages) {
  if (passages.empty()) co_return;
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  remote::require_vectors(passages, kind);
  check_passages(passages, state->options.dimensions, state->options.similarity.value_or(Similarity::cosine));
  std::vector<JsonObject> metadata;
  for (const auto& passage : passages) metadata.push_back(remote::flat_metadata(passage, kind));
  const auto collection = co_await find_or_make(state);
  check_passages(passages, collection.dimensions, collection.similarity);
  const auto batch = co_await batch_of(state);
  for (std::size_t begin = 0; begin < passages.size(); begin += batch) {
    JsonArray ids, vectors, texts, rest;
    for (auto i = begin; i < std::min(begin + batch, passages.size()); ++i) {
      ids.emplace_back(passages[i].id);
      vectors.emplace_back(remote::numbers(passages[i].vector));
      texts.emplace_back(passages[i].text);
      rest.emplace_back(std::move(metadata[i]));
    }
    co_await forget_old_fields(*state, collection, ids, rest);
    co_await ask(state->server, "POST", collection.path + "/upsert",
                 {{"ids", std::move(ids)},
                  {"embeddings", std::move(vectors)},
                  {"documents", std::move(texts)},
                  {"metadatas", std::move(rest)}});
  }
}

/// Passage `i` of parallel lists.
Passage passage_at(const Json& ids, const Json& documents, const Json& metadatas, std::size_t i) {
  const auto& texts = remote::list(documents, kind);
  const auto text = i < texts.size() && texts[i].is_string() ? std::string(view(texts[i].get_string())) : std::string();
  return remote::passage_of_flat(std::string(view(remote::list(ids, kind).at(i).as_string())), text,
                                 remote::list(metadatas, kind).at(i), kind);
}

JsonArray included(bool with_vectors, bool with_distances) {
  JsonArray out{"documents", "metadatas"};
  if (with_vectors) out.emplace_back("embeddings");
  if (with_distances) out.emplace_back("distances");
  return out;
}

/// Chroma's distances are 1 less the cosine, 1 less the product, or the square of the length between.
double score_of(double distance, Similarity similarity) {
  return similarity == Similarity::euclidean ? -std::sqrt(std::max(distance, 0.0)) : 1 - distance;
}

Async<std::vector<Hit>> search(Shared state, StoreQuery query) {
  remote::require_vector_search(query, kind);
  const auto where = remote::mongo_filter(query.filter, abilities);
  const auto collection = co_await find(state);
  if (!collection) co_return std::vector<Hit>();
  check_query(query, collection->dimensions, collection->similarity);
  JsonObject body{{"query_embeddings", JsonArray{Json(remote::numbers(query.vector))}},
                  {"n_results", query.k},
                  {"include", included(query.with_vectors, true)}};
  if (where) body["where"] = *where;
  const auto answer = co_await ask(state->server, "POST", collection->path + "/query", std::move(body), query.stop);
  const auto first = [&](std::string_view name) -> const Json& {
    return remote::list(member(answer.body, name, kind), kind).at(0);
  };
  const auto& ids = first("ids");
  std::vector<Hit> hits;
  for (std::size_t i = 0; i < remote::list(ids, kind).size(); ++i) {
    auto passage = passage_at(ids, first("documents"), first("metadatas"), i);
    if (query.with_vectors) passage.vector = remote::vector_of(remote::list(first("embeddings"), kind).at(i), kind);
    const auto own = remote::list(first("distances"), kind).at(i).to_number<double>();
    hits.push_back(remote::hit_of(std::move(passage), score_of(own, collection->similarity), own, i + 1));
  }
  co_return hits;
}

/// Passages by a request of `get`.
Async<std::vector<Passage>> fetch(Shared state, std::string path, JsonObject body, bool with_vectors) {
  body["include"] = included(with_vectors, false);
  const auto answer = co_await ask(state->server, "POST", path + "/get", std::move(body));
  const auto& ids = member(answer.body, "ids", kind);
  std::vector<Passage> out;
  for (std::size_t i = 0; i < remote::list(ids, kind).size(); ++i) {
    out.push_back(passage_at(ids, member(answer.body, "documents", kind), member(answer.body, "metadatas", kind), i));
    if (with_vectors)
      out.back().vector = remote::vector_of(remote::list(member(answer.body, "embeddings", kind), kind).at(i), kind);
  }
  co_return out;
}

Async<ScanPage> scan(Shared state, Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  const auto where = remote::mongo_filter(filter, abilities);
  std::size_t offset = 0;
  const auto [end, code] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), offset);
  if (!cursor.empty() && (code != std::errc() || end != cursor.data() + cursor.size()))
    throw Error(Errc::invalid_parameter, "the cursor does not come from a page of this store; begin without one");
  ScanPage page;
  const auto collection = co_await find(state);
  if (!collection) co_return page;
  JsonObject body{{"limit", limit}, {"offset", offset}};
  if (where) body["where"] = *where;
  page.passages = co_await fetch(state, collection->path, std::move(body), with_vectors);
  if (page.passages.size() == limit) page.next = std::to_string(offset + limit);
  co_return page;
}

Async<std::size_t> count(Shared state, Filter filter) {
  const auto where = remote::mongo_filter(filter, abilities);
  const auto collection = co_await find(state);
  if (!collection) co_return 0;
  if (!where) {
    const auto answer = co_await ask(state->server, "GET", collection->path + "/count", {});
    co_return answer.body.to_number<std::size_t>();
  }
  std::size_t total = 0;
  constexpr std::size_t page = 1000;
  for (std::size_t found = page; found == page; total += found) {
    const auto answer = co_await ask(state->server, "POST", collection->path + "/get",
                                     {{"where", *where}, {"limit", page}, {"offset", total}, {"include", JsonArray{}}});
    found = remote::list(member(answer.body, "ids", kind), kind).size();
  }
  co_return total;
}

JsonArray texts_of(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

Async<std::vector<Passage>> get(Shared state, std::vector<std::string> ids) {
  const auto collection = co_await find(state);
  if (ids.empty() || !collection) co_return std::vector<Passage>();
  const auto found = co_await fetch(state, collection->path, {{"ids", texts_of(ids)}}, true);
  co_return remote::in_order(ids, found);
}

Async<std::optional<std::size_t>> remove(Shared state, JsonObject which) {
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  if (const auto collection = co_await find(state))
    co_await ask(state->server, "POST", collection->path + "/delete", std::move(which));
  co_return std::nullopt;
}

Async<std::optional<std::size_t>> remove_where(Shared state, Filter filter) {
  auto where = remote::mongo_filter(filter, abilities);
  // Everything: what every passage has.
  if (!where) where = JsonObject{{"dspy_passage", JsonObject{{"$ne", ""}}}};
  return remove(std::move(state), {{"where", *std::move(where)}});
}

Async<StoreInfo> info(Shared state) {
  const auto collection = co_await find(std::move(state));
  co_return remote::info_of(kind, collection);
}

Async<std::optional<std::size_t>> remove_ids(Shared state, std::vector<std::string> ids) {
  return remove(std::move(state), {{"ids", texts_of(ids)}});
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

std::shared_ptr<Store> chroma_store(std::string_view uri, RemoteStoreOptions options) {
  const auto where = remote::read_uri(uri, kind, 8000, true);
  const auto named = [&](const std::string& name, std::string_view usual) {
    const auto found = where.query.find(name);
    return found == where.query.end() ? std::string(usual) : found->second;
  };
  auto state = std::make_shared<State>();
  state->server = remote::make_server(std::string(kind), where.base, options, "x-chroma-token", "CHROMA_API_KEY");
  state->path = std::format("/api/v2/tenants/{}/databases/{}/collections", named("tenant", "default_tenant"),
                            named("database", "default_database"));
  state->name = where.name;
  state->options = std::move(options);
  return std::make_shared<remote::StoreOver<State>>(std::move(state), functions);
}

}  // namespace dspy
