#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/milvus/milvus_rows.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/store_over.hpp"
#include "retrieve/unit_length.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Milvus (REST, version 2).  A row has `id` (a UUID), `vector`, `passage` (all of it as one text), `facts` (an array)
// and `numbers` (JSON, for order).  The status is 200 whatever happens: `code` says what did.

namespace dspy {
namespace {

using remote::member;
using Collection = remote::MilvusCollection;
constexpr std::string_view kind = "milvus";
constexpr std::size_t most_rows = 16'383;                   ///< Of a page; one more is asked for.
constexpr std::uint64_t id_space = std::uint64_t{1} << 32;  ///< Of the first eight digits of a UUID.
constexpr std::int64_t no_such_collection = 100;

struct State {
  remote::Server server;
  std::string name, database;
  bool is_approximate = false;
  RemoteStoreOptions options;
  std::mutex mutex;
  std::optional<Collection> collection;  ///< Once it is known to be there.
};
using Shared = std::shared_ptr<State>;

std::int64_t code_in(const Json& body) {
  const auto code = member(body, "code", kind).to_number<std::int64_t>();
  return code == 200 ? 0 : code;  // releases before 2.4
}

std::optional<Error> failure_in(const Json& body) {
  const auto code = code_in(body);
  if (code == 0 || code == no_such_collection) return {};
  const auto* const said = body.as_object().if_contains("message");
  const auto busy = code == 1 || code == 2 || code == 4;  // not ready, unavailable, too many requests
  return Error(code == 8      ? Errc::rate_limit_exceeded
               : code == 1800 ? Errc::authentication_failed
               : busy         ? Errc::unavailable
                              : Errc::refused,
               std::format("the milvus server answers code {}: {}", code,
                           said != nullptr && said->is_string() ? view(said->get_string()).substr(0, 300) : ""),
               {.provider = std::string(kind)});
}

/// The answer; `code` is 0 or `no_such_collection`.
Async<Json> call(Shared state, std::string path, JsonObject body, std::stop_token stop = {}) {
  body["collectionName"] = state->name;
  if (!state->database.empty()) body["dbName"] = state->database;
  auto answer = co_await remote::ask(state->server, "POST", "/v2/vectordb" + path, std::move(body), std::move(stop));
  co_return std::move(answer.body);
}

/// The answer's data; a collection that has gone meanwhile is an error.
Async<Json> data_of(Shared state, std::string path, JsonObject body, std::stop_token stop = {}) {
  const auto answer = co_await call(state, std::move(path), std::move(body), std::move(stop));
  if (code_in(answer) == no_such_collection)
    throw Error(Errc::config_error, std::format("the collection `{}` was dropped; open the store anew", state->name));
  const auto* const found = answer.as_object().if_contains("data");
  co_return found == nullptr ? Json() : *found;
}

/// Empty for what everything meets.
std::string filter_of(const Filter& filter) {
  return filter.is_everything() ? std::string() : remote::milvus_filter(filter);
}

/// The collection, if it is there.
Async<std::optional<Collection>> find(Shared state) {
  {
    const std::lock_guard lock(state->mutex);
    if (state->collection) co_return state->collection;
  }
  const auto answer = co_await call(state, "/collections/describe", {});
  if (code_in(answer) == no_such_collection) co_return std::nullopt;
  const auto found = remote::milvus_collection(state->name, state->options, member(answer, "data", kind));
  const std::lock_guard lock(state->mutex);
  state->collection = found;
  co_return found;
}

Async<Collection> find_or_make(Shared state, std::size_t dimensions) {
  if (const auto found = co_await find(state)) co_return *found;
  if (!state->options.create) throw Error(Errc::config_error, "there is no such collection, and none may be made");
  const auto similarity = state->options.similarity.value_or(Similarity::cosine);
  // Where another process was faster, the server answers that the collection is there, if it is the same.
  co_await call(state, "/collections/create", remote::milvus_creation(dimensions, similarity, state->is_approximate));
  const auto made = co_await find(state);
  if (!made) throw Error(Errc::backend_error, "the milvus server made no collection");
  co_return *made;
}

Async<void> upsert(Shared state, std::vector<Passage> passages) {
  if (passages.empty()) co_return;
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  remote::require_vectors(passages, kind);
  check_passages(passages, state->options.dimensions, state->options.similarity.value_or(Similarity::cosine));
  std::vector<JsonObject> rows;
  const auto dimensions = passages.front().vector.size();
  for (const auto& passage : passages) rows.push_back(remote::milvus_row(passage));
  const auto collection = co_await find_or_make(state, dimensions);
  check_passages(passages, collection.dimensions, collection.similarity);
  const auto batch = state->options.batch == 0 ? 256 : state->options.batch;
  for (std::size_t begin = 0; begin < rows.size(); begin += batch) {
    JsonArray some;
    for (auto i = begin; i < std::min(begin + batch, rows.size()); ++i) {
      if (collection.similarity == Similarity::cosine) {
        to_unit_length(passages[i].vector);
        rows[i]["vector"] = remote::numbers(passages[i].vector);
      }
      some.emplace_back(std::move(rows[i]));
    }
    co_await data_of(state, "/entities/upsert", {{"data", std::move(some)}});
  }
}

Async<std::optional<std::size_t>> remove(Shared state, std::string which) {
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  if (co_await find(state)) co_await data_of(state, "/entities/delete", {{"filter", std::move(which)}});
  co_return std::nullopt;
}

/// UUIDs need no quoting.
std::string among(const std::vector<std::string>& ids) {
  std::string out;
  for (const auto& id : ids) out += std::format("{}\"{}\"", out.empty() ? "" : ", ", remote::uuid_of(id));
  return std::format("id in [{}]", out);
}

Async<std::optional<std::size_t>> remove_ids(Shared state, std::vector<std::string> ids) {
  co_return co_await remove(std::move(state), among(ids));
}

Async<std::optional<std::size_t>> remove_where(Shared state, Filter filter) {
  co_return co_await remove(std::move(state), remote::milvus_filter(filter));
}

JsonArray fields_wanted(bool with_vectors) {
  return with_vectors ? JsonArray{"id", "passage", "vector"} : JsonArray{"id", "passage"};
}

Async<std::vector<Hit>> search(Shared state, StoreQuery query) {
  remote::require_vector_search(query, kind);
  auto filter = filter_of(query.filter);
  const auto collection = co_await find(state);
  if (!collection) co_return std::vector<Hit>();
  check_query(query, collection->dimensions, collection->similarity);
  const auto rows = co_await data_of(state, "/entities/search",
                                     {{"data", JsonArray{remote::numbers(query.vector)}},
                                      {"annsField", "vector"},
                                      {"limit", query.k},
                                      {"filter", std::move(filter)},
                                      {"outputFields", fields_wanted(query.with_vectors)}},
                                     query.stop);
  std::vector<Hit> hits;
  for (const auto& row : remote::list(rows, kind)) {
    const auto own =
        member(row, "distance", kind).to_number<double>();  // a similarity, but for L2: the distance's square
    hits.push_back(remote::hit_of(
        remote::passage_of_milvus_row(row, query.with_vectors),
        collection->similarity == Similarity::euclidean ? -std::sqrt(std::max(own, 0.0)) : own, own, hits.size() + 1));
  }
  co_return hits;
}

Async<std::size_t> count_rows(Shared state, std::string which) {
  const auto rows = co_await data_of(state, "/entities/query",
                                     {{"filter", std::move(which)}, {"outputFields", JsonArray{"count(*)"}}});
  co_return member(remote::list(rows, kind).at(0), "count(*)", kind).to_number<std::size_t>();
}

Async<std::size_t> count(Shared state, Filter filter) {
  auto which = filter_of(filter);
  if (!co_await find(state)) co_return 0;
  co_return co_await count_rows(state, std::move(which));
}

/// Ids are spread evenly: a share of what is left has about that share of the rows.
std::string place_between(std::uint64_t after, double share) {
  const auto width = static_cast<std::uint64_t>(static_cast<double>(id_space - after) * share);
  return std::format("{:08x}", after + std::max<std::uint64_t>(width, 1));
}

/// Rows come in no order that is promised, so that a page is all that lies between two places among the ids.
Async<ScanPage> scan(Shared state, Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  auto which = remote::milvus_filter(filter);
  std::uint64_t after = 0;
  if (const auto* const end = cursor.data() + cursor.size();
      std::from_chars(cursor.data(), end, after, 16).ptr != end || after >= id_space)
    throw Error(Errc::invalid_parameter, "the cursor is not one that a page of this store gave");
  ScanPage page;
  if (!co_await find(state)) co_return page;
  if (!cursor.empty()) which = std::format("({} and id > \"{}\")", which, cursor);
  const auto most = std::clamp<std::size_t>(limit, 1, most_rows);
  const auto left = co_await count_rows(state, which);
  for (double share = left <= most ? 1 : 0.8 * static_cast<double>(most) / static_cast<double>(left);; share /= 2) {
    const auto place = share < 1 ? place_between(after, share) : std::string();
    const auto rows =
        co_await data_of(state, "/entities/query",
                         {{"filter", share < 1 ? std::format("({} and id <= \"{}\")", which, place) : which},
                          {"limit", most + 1},
                          {"outputFields", fields_wanted(with_vectors)}});
    const auto& all = remote::list(rows, kind);
    if (all.size() > most) continue;  // more than their share
    for (const auto& row : all) page.passages.push_back(remote::passage_of_milvus_row(row, with_vectors));
    page.next = place;
    co_return page;
  }
}

Async<std::vector<Passage>> get(Shared state, std::vector<std::string> ids) {
  if (ids.empty() || !co_await find(state)) co_return std::vector<Passage>();
  std::vector<Passage> found;
  const auto rows = co_await data_of(
      state, "/entities/query", {{"filter", among(ids)}, {"limit", ids.size()}, {"outputFields", fields_wanted(true)}});
  for (const auto& row : remote::list(rows, kind)) {
    found.push_back(remote::passage_of_milvus_row(row, true));
  }
  co_return remote::in_order(ids, found);
}

Async<StoreInfo> info(Shared state) {
  const auto found = co_await find(std::move(state));
  co_return remote::info_of(kind, found);
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

std::shared_ptr<Store> milvus_store(std::string_view uri, RemoteStoreOptions options) {
  auto where = remote::read_uri(uri, kind, 19530, true);
  remote::require_identifier(where.name, kind);
  auto state = std::make_shared<State>();
  state->server = remote::make_server(std::string(kind), where.base, options, "Authorization", "MILVUS_TOKEN");
  for (auto& each : state->server.credentials) each.prefix = "Bearer ";
  state->server.failure_in = failure_in;
  state->name = where.name;
  state->database = where.query["database"];
  state->is_approximate = remote::wants_graph(where, kind);
  state->options = std::move(options);
  return std::make_shared<remote::StoreOver<State>>(std::move(state), functions);
}

}  // namespace dspy
