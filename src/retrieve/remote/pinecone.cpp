#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/url.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/mongo_filter.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/store_over.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Pinecone's data plane: an index that is there, a namespace in it.  Lists of ids and vectors are asked for by GET.

namespace dspy {
namespace {

using remote::ask;
using remote::member;
constexpr std::string_view kind = "pinecone";
/// Whether `$ne` is met where the field is missing is not said in its documents: it is refused.
constexpr remote::MongoAbilities abilities{.kind = kind, .exists = true, .ne_meets_missing = false};
constexpr std::size_t most_ids = 1000;

struct State {
  remote::Server server;
  std::string name;  ///< The namespace; empty: the default one.
  RemoteStoreOptions options;
};
using Shared = std::shared_ptr<State>;

Passage passage_of(const Json& match, bool with_vector) {
  const auto& metadata = member(match, "metadata", kind);
  auto out = remote::passage_of_flat(std::string(view(member(match, "id", kind).as_string())),
                                     std::string(view(member(metadata, "text", kind).as_string())), metadata, kind);
  if (with_vector) out.vector = remote::vector_of(member(match, "values", kind), kind);
  return out;
}

Async<void> upsert(Shared state, std::vector<Passage> passages) {
  if (passages.empty()) co_return;
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  remote::require_vectors(passages, kind);
  check_passages(passages, state->options.dimensions, state->options.similarity.value_or(Similarity::cosine));
  const auto batch = std::min<std::size_t>(state->options.batch == 0 ? 100 : state->options.batch, most_ids);
  std::vector<JsonObject> rows;
  for (const auto& passage : passages) {
    if (passage.id.size() > 512)
      throw Error(Errc::invalid_parameter,
                  std::format("the id `{}` has more than 512 bytes, which Pinecone takes", passage.id));
    auto metadata = remote::flat_metadata(passage, kind);
    metadata["text"] = passage.text;
    if (to_text(metadata).size() > std::size_t{40} * 1024)
      throw Error(
          Errc::invalid_parameter,
          std::format("`{}` has more than 40 KB of text and metadata, which Pinecone takes; cut smaller", passage.id));
    rows.push_back(
        {{"id", passage.id}, {"values", remote::numbers(passage.vector)}, {"metadata", std::move(metadata)}});
  }
  for (std::size_t begin = 0; begin < rows.size(); begin += batch) {
    JsonArray vectors;
    for (auto i = begin; i < std::min(begin + batch, rows.size()); ++i) vectors.emplace_back(std::move(rows[i]));
    co_await ask(state->server, "POST", "/vectors/upsert",
                 {{"vectors", std::move(vectors)}, {"namespace", state->name}});
  }
}

Async<std::optional<std::size_t>> remove(Shared state, JsonObject which) {
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  which["namespace"] = state->name;
  co_await ask(state->server, "POST", "/vectors/delete", std::move(which), {}, {404});
  co_return std::nullopt;
}

Async<std::optional<std::size_t>> remove_ids(Shared state, std::vector<std::string> ids) {
  for (std::size_t begin = 0; begin < ids.size(); begin += most_ids) {
    const auto end = std::min(begin + most_ids, ids.size());
    JsonArray some(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(end));
    co_await remove(state, {{"ids", std::move(some)}});
  }
  co_return std::nullopt;
}

Async<StoreInfo> info(Shared state) {
  const auto answer = co_await ask(state->server, "POST", "/describe_index_stats", {});
  StoreInfo out{.kind = std::string(kind),
                .similarity = state->options.similarity.value_or(Similarity::cosine),
                .abilities = {.text_search = false, .reads_own_writes = false}};
  out.dimensions = member(answer.body, "dimension", kind).to_number<std::size_t>();
  out.passages = 0;
  const auto& spaces = member(answer.body, "namespaces", kind).as_object();
  // The default one is called so, or nothing.
  for (const auto& name : {state->name, std::string(state->name.empty() ? "__default__" : "")})
    if (const auto* const found = spaces.if_contains(name);
        found != nullptr && (!name.empty() || state->name.empty())) {
      out.passages = member(*found, "vectorCount", kind).to_number<std::size_t>();
      break;
    }
  if (const auto* const metric = answer.body.as_object().if_contains("metric");
      metric != nullptr && metric->is_string()) {
    const auto name = view(metric->get_string());
    out.similarity = name == "cosine"       ? Similarity::cosine
                     : name == "dotproduct" ? Similarity::dot
                                            : Similarity::euclidean;
  }
  co_return out;
}

Async<std::vector<Hit>> search(Shared state, StoreQuery query) {
  remote::require_vector_search(query, kind);
  const auto filter = remote::mongo_filter(query.filter, abilities);
  const auto about = co_await info(state);
  check_query(query, about.dimensions, about.similarity);
  JsonObject body{{"vector", remote::numbers(query.vector)},
                  {"topK", query.k},
                  {"includeMetadata", true},
                  {"includeValues", query.with_vectors},
                  {"namespace", state->name}};
  if (filter) body["filter"] = *filter;
  const auto answer = co_await ask(state->server, "POST", "/query", std::move(body), query.stop);
  std::vector<Hit> hits;
  for (const auto& match : remote::list(member(answer.body, "matches", kind), kind)) {
    const auto own = member(match, "score", kind).to_number<double>();
    // Of Euclidean indexes it is the square of the distance.
    hits.push_back(remote::hit_of(passage_of(match, query.with_vectors),
                                  about.similarity == Similarity::euclidean ? -std::sqrt(std::max(own, 0.0)) : own, own,
                                  hits.size() + 1));
  }
  co_return hits;
}

/// Ids in a path: percent-encoded.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    out += is_plain ? std::string(1, c) : std::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Async<std::vector<Passage>> get(Shared state, std::vector<std::string> ids) {
  std::map<std::string, Passage> found;
  for (std::size_t begin = 0; begin < ids.size(); begin += 50) {
    std::string path = std::format("/vectors/fetch?namespace={}", encoded(state->name));
    for (auto i = begin; i < std::min(begin + 50, ids.size()); ++i) path += "&ids=" + encoded(ids[i]);
    const auto answer = co_await ask(state->server, "GET", path, {});
    for (const auto& [id, vector] : member(answer.body, "vectors", kind).as_object())
      found.emplace(std::string(std::string_view(id)), passage_of(vector, true));
  }
  std::vector<Passage> out;
  for (const auto& id : ids)
    if (const auto each = found.find(id); each != found.end()) out.push_back(each->second);
  co_return out;
}

Async<ScanPage> scan(Shared state, Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  // Ids can be listed, but by no condition: passages are read and looked at here.
  std::string path =
      std::format("/vectors/list?namespace={}&limit={}", encoded(state->name), std::clamp<std::size_t>(limit, 1, 100));
  if (!cursor.empty()) path += "&paginationToken=" + encoded(cursor);
  const auto answer = co_await ask(state->server, "GET", path, {});
  std::vector<std::string> ids;
  for (const auto& each : remote::list(member(answer.body, "vectors", kind), kind))
    ids.emplace_back(view(member(each, "id", kind).as_string()));
  ScanPage page;
  for (auto& passage : co_await get(state, std::move(ids))) {
    if (!filter.matches(passage)) continue;
    if (!with_vectors) passage.vector.clear();
    page.passages.push_back(std::move(passage));
  }
  const auto* const pagination = answer.body.as_object().if_contains("pagination");
  if (pagination != nullptr && pagination->is_object())
    page.next = std::string(view(member(*pagination, "next", kind).as_string()));
  co_return page;
}

Async<std::size_t> count(Shared state, Filter filter) {
  if (filter.is_everything()) co_return (co_await info(state)).passages.value_or(0);
  std::size_t total = 0;
  std::string cursor;
  do {
    const auto page = co_await scan(state, filter, cursor, 100, false);
    total += page.passages.size();
    cursor = page.next;
  } while (!cursor.empty());
  co_return total;
}

Async<std::optional<std::size_t>> remove_where(Shared state, Filter filter) {
  const auto lowered = remote::mongo_filter(filter, abilities);
  return remove(std::move(state), lowered ? JsonObject{{"filter", *lowered}} : JsonObject{{"deleteAll", true}});
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

std::shared_ptr<Store> pinecone_store(std::string_view uri, RemoteStoreOptions options) {
  // Over TLS, but for a server on this machine, as tests have it.
  std::string given(uri);
  if (constexpr std::string_view plain = "pinecone://"; uri.starts_with(plain)) {
    const auto parsed = http::parse_url(std::format("http://{}", uri.substr(plain.size())));
    if (!parsed || !http::is_loopback(parsed->host))
      given = std::format("pinecone+https://{}", uri.substr(plain.size()));
  }
  const auto where = remote::read_uri(given, kind, 0, false);
  auto state = std::make_shared<State>();
  state->server = remote::make_server(std::string(kind), where.base, options, "Api-Key", "PINECONE_API_KEY");
  state->server.headers.set("X-Pinecone-Api-Version", "2025-04");
  state->name = where.name;
  state->options = std::move(options);
  return std::make_shared<remote::StoreOver<State>>(std::move(state), functions);
}

}  // namespace dspy
