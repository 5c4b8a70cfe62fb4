#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/facts.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/store_over.hpp"
#include "retrieve/remote/weaviate/weaviate_class.hpp"
#include "retrieve/remote/weaviate/weaviate_filter.hpp"
#include "retrieve/unit_length.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Weaviate (REST and GraphQL, version 1).  An object has `passage` (all of it as one text), `facts` (a list of texts)
// and `number0`, `number1`, … for what is compared by order; the class's description says what they stand for.

namespace dspy {
namespace {

using remote::ask;
using remote::member;
using namespace remote::weaviate;

constexpr std::size_t most_read = 10'000;  ///< Objects of an answer (QUERY_MAXIMUM_RESULTS).

/// Errors of GraphQL, which come with status 200.
std::optional<Error> failure_in(const Json& body) {
  const auto* const object = body.if_object();
  const auto* const errors = object == nullptr ? nullptr : object->if_contains("errors");
  if (errors == nullptr || !errors->is_array() || errors->get_array().empty()) return {};
  const auto& first = errors->get_array().front();
  const auto* const said = first.is_object() ? first.get_object().if_contains("message") : nullptr;
  return Error(Errc::refused,
               std::format("the weaviate server refuses: {}",
                           said != nullptr && said->is_string() ? view(said->get_string()).substr(0, 300) : ""),
               {.provider = std::string(kind)});
}

/// The status is 200 whatever happened to single objects of a batch.
void require_all_kept(const Json& answer) {
  for (const auto& each : remote::list(answer, kind)) {
    const auto* const result = each.as_object().if_contains("result");
    const auto* const errors =
        result == nullptr || !result->is_object() ? nullptr : result->get_object().if_contains("errors");
    if (errors == nullptr || errors->is_null()) continue;
    throw Error(Errc::refused,
                std::format("the weaviate server does not keep a passage: {}", to_text(*errors).substr(0, 300)),
                {.provider = std::string(kind)});
  }
}

Async<void> upsert(Shared state, std::vector<Passage> passages) {
  if (passages.empty()) co_return;
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  remote::require_vectors(passages, kind);
  check_passages(passages, state->options.dimensions, state->options.similarity.value_or(Similarity::cosine));
  std::vector<JsonObject> known;
  for (const auto& passage : passages) {
    const auto facts = remote::facts_of(passage, kind);
    known.push_back(
        {{"passage", to_text(remote::payload_of(passage))}, {"facts", JsonArray(facts.begin(), facts.end())}});
  }
  const auto found = co_await find_or_make(state, passages.front().vector.size());
  check_passages(passages, found.dimensions, found.similarity);
  const auto batch = state->options.batch == 0 ? 256 : state->options.batch;
  for (std::size_t begin = 0; begin < passages.size(); begin += batch) {
    JsonArray objects;
    for (auto i = begin; i < std::min(begin + batch, passages.size()); ++i) {
      auto& passage = passages[i];
      for (std::size_t n = 0; n < found.numbers.size(); ++n)
        if (const auto* const number = remote::number_in(passage, found.numbers[n]))
          known[i][remote::weaviate_number(n)] = remote::comparable(*number, kind);
      if (found.similarity == Similarity::cosine) to_unit_length(passage.vector);
      objects.emplace_back(JsonObject{{"class", state->name},
                                      {"id", remote::uuid_of(passage.id)},
                                      {"vector", remote::numbers(passage.vector)},
                                      {"properties", std::move(known[i])}});
    }
    const auto answer = co_await ask(state->server, "POST", "/v1/batch/objects", {{"objects", std::move(objects)}});
    require_all_kept(answer.body);
  }
}

/// Repeats the request until nothing is left: one removes at most 10,000.
Async<std::optional<std::size_t>> remove(Shared state, JsonObject where) {
  std::size_t removed = 0;
  for (bool is_more = true; is_more;) {
    const auto answer = co_await ask(state->server, "DELETE", "/v1/batch/objects",
                                     {{"match", JsonObject{{"class", state->name}, {"where", where}}}});
    const auto& results = member(answer.body, "results", kind);
    const auto done = member(results, "successful", kind).to_number<std::size_t>();
    if (member(results, "failed", kind).to_number<std::size_t>() > 0)
      throw Error(Errc::unavailable, "the weaviate server could not remove all passages; try again");
    removed += done;
    is_more = done > 0 && (done >= most_read || member(results, "matches", kind).to_number<std::size_t>() > done);
  }
  co_return removed;
}

Async<std::optional<std::size_t>> remove_where(Shared state, Filter filter) {
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  const auto found = co_await find(state);
  const auto where = remote::weaviate_filter(filter, found ? found->numbers : state->numbers);
  if (!found) co_return 0;
  co_return co_await remove(state, where);
}

Async<std::optional<std::size_t>> remove_ids(Shared state, std::vector<std::string> ids) {
  co_return co_await remove_where(std::move(state), Filter::in("id", JsonArray(ids.begin(), ids.end())));
}

/// What a query of one class answers.
Async<Json> query_answer(Shared state, std::string verb, std::string arguments, std::string fields,
                         std::stop_token stop = {}) {
  const auto text = std::format("{{ {} {{ {}{} {{ {} }} }} }}", verb, state->name,
                                arguments.empty() ? "" : std::format("({})", arguments), fields);
  const auto answer = co_await ask(state->server, "POST", "/v1/graphql", {{"query", text}}, std::move(stop));
  co_return member(member(member(answer.body, "data", kind), verb, kind), state->name, kind);
}

Passage passage_of(const Json& object, bool with_vector) {
  const auto whole = parse_json(view(member(object, "passage", kind).as_string()));
  if (!whole || !whole->is_object())
    throw Error(Errc::backend_error, "an object of the class was not kept by this library");
  auto out = remote::passage_of(whole->get_object());
  if (with_vector) out.vector = remote::vector_of(member(member(object, "_additional", kind), "vector", kind), kind);
  return out;
}

Async<std::vector<Hit>> search(Shared state, StoreQuery query) {
  remote::require_vector_search(query, kind);
  const auto found = co_await find(state);
  const auto where = remote::weaviate_filter(query.filter, found ? found->numbers : state->numbers);
  if (!found) co_return std::vector<Hit>();
  check_query(query, found->dimensions, found->similarity);
  auto arguments = std::format("nearVector: {{vector: {}}} limit: {}", to_text(remote::numbers(query.vector)), query.k);
  if (!query.filter.is_everything()) arguments += " where: " + remote::graphql(where);
  const auto objects = co_await query_answer(
      state, "Get", std::move(arguments),
      query.with_vectors ? "passage _additional { distance vector }" : "passage _additional { distance }", query.stop);
  std::vector<Hit> hits;
  for (const auto& object : remote::list(objects, kind)) {
    const auto own = member(member(object, "_additional", kind), "distance", kind).to_number<double>();
    const auto score = found->similarity == Similarity::cosine ? 1 - own
                       : found->similarity == Similarity::dot  ? -own
                                                               : -std::sqrt(std::max(own, 0.0));
    hits.push_back(remote::hit_of(passage_of(object, query.with_vectors), score, own, hits.size() + 1));
  }
  co_return hits;
}

Async<std::size_t> count(Shared state, Filter filter) {
  const auto found = co_await find(state);
  const auto where = remote::weaviate_filter(filter, found ? found->numbers : state->numbers);
  if (!found) co_return 0;
  const auto groups = co_await query_answer(
      state, "Aggregate", filter.is_everything() ? "" : "where: " + remote::graphql(where), "meta { count }");
  co_return member(member(remote::list(groups, kind).at(0), "meta", kind), "count", kind).to_number<std::size_t>();
}

/// The server pages through all objects but takes no condition there, so the filter is applied here.
Async<ScanPage> scan(Shared state, Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  if (cursor.find_first_not_of("0123456789abcdef-") != std::string::npos)
    throw Error(Errc::invalid_parameter, "the cursor is not one that a page of this store gave");
  ScanPage page;
  if (!co_await find(state)) co_return page;
  const auto most = std::clamp<std::size_t>(limit, 1, most_read);
  std::string after = cursor.empty() ? "" : std::format(" after: \"{}\"", cursor);
  const auto objects =
      co_await query_answer(state, "Get", std::format("limit: {}{}", most, after),
                            with_vectors ? "passage _additional { id vector }" : "passage _additional { id }");
  const auto& all = remote::list(objects, kind);
  for (const auto& object : all)
    if (auto passage = passage_of(object, with_vectors); filter.matches(passage))
      page.passages.push_back(std::move(passage));
  if (all.size() == most) page.next = view(member(member(all.back(), "_additional", kind), "id", kind).as_string());
  co_return page;
}

Async<std::vector<Passage>> get(Shared state, std::vector<std::string> ids) {
  const auto class_there = co_await find(state);
  if (ids.empty() || !class_there) co_return std::vector<Passage>();
  std::vector<Passage> found;
  const auto where = remote::weaviate_filter(Filter::in("id", JsonArray(ids.begin(), ids.end())), class_there->numbers);
  const auto objects =
      co_await query_answer(state, "Get", std::format("where: {} limit: {}", remote::graphql(where), ids.size()),
                            "passage _additional { vector }");
  for (const auto& object : remote::list(objects, kind)) {
    found.push_back(passage_of(object, true));
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

std::shared_ptr<Store> weaviate_store(std::string_view uri, RemoteStoreOptions options) {
  auto where = remote::read_uri(uri, kind, 8080, true);
  remote::require_identifier(where.name, kind);
  if (where.name.front() >= 'a') where.name.front() = static_cast<char>(where.name.front() - 'a' + 'A');  // as it would
  auto state = std::make_shared<State>();
  state->server = remote::make_server(std::string(kind), where.base, options, "Authorization", "WEAVIATE_API_KEY");
  for (auto& each : state->server.credentials) each.prefix = "Bearer ";
  state->server.failure_in = failure_in;
  state->name = where.name;
  state->numbers = remote::field_names(where.query["numbers"]);
  state->is_approximate = remote::wants_graph(where, kind);
  state->options = std::move(options);
  return std::make_shared<remote::StoreOver<State>>(std::move(state), functions);
}

}  // namespace dspy
