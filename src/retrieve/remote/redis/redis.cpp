#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/url.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/facts.hpp"
#include "retrieve/remote/redis/redis_index.hpp"
#include "retrieve/remote/redis/redis_lookup.hpp"
#include "retrieve/remote/redis/redis_server.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/store_over.hpp"
#include "retrieve/unit_length.hpp"
#include "storage/resp.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <format>
#include <memory>
#include <optional>
#include <ranges>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// Redis with its search.  A passage is a hash `<index>:p:<id>` with the fields `passage` (all of it as one text),
// `facts` (tags), `vector` and `number0`, `number1`, …; `<index>:about` says how the index was made.

namespace dspy {
namespace {

using remote::RedisCommand;
using storage::RespValue;
using namespace remote::redis;

std::string key_of(const State& state, std::string_view id) {
  return std::format("{}:p:{}", state.name, id);
}

Async<void> upsert(Shared state, std::vector<Passage> passages) {
  if (passages.empty()) co_return;
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  remote::require_vectors(passages, kind);
  check_passages(passages, state->options.dimensions, state->options.similarity.value_or(Similarity::cosine));
  std::vector<std::string> facts;
  for (const auto& passage : passages) facts.push_back(remote::tags_of(passage));
  const auto index = co_await find_or_make(state, passages.front().vector.size());
  check_passages(passages, index.dimensions, index.similarity);
  const auto batch = state->options.batch == 0 ? 256 : state->options.batch;
  for (std::size_t begin = 0; begin < passages.size(); begin += batch) {
    std::vector<RedisCommand> commands{{"MULTI"}};
    for (auto i = begin; i < std::min(begin + batch, passages.size()); ++i) {
      auto& passage = passages[i];
      if (index.similarity == Similarity::cosine) to_unit_length(passage.vector);
      const auto key = key_of(*state, passage.id);
      commands.push_back({"DEL", key});  // a number that it has no more must go
      RedisCommand keep{"HSET",  key,      "passage", to_text(remote::payload_of(passage)),
                        "facts", facts[i], "vector",  remote::bytes_of(passage.vector)};
      for (std::size_t n = 0; n < index.numbers.size(); ++n)
        if (const auto* const number = remote::number_in(passage, index.numbers[n])) {
          keep.push_back(std::format("number{}", n));
          keep.push_back(std::format("{}", remote::comparable(*number, kind).to_number<double>()));
        }
      commands.push_back(std::move(keep));
    }
    commands.push_back({"EXEC"});
    co_await remote::ask_redis(state->server, std::move(commands));
  }
}

/// `FT.SEARCH` and `FT.AGGREGATE` return partial results when their own timeout ends, so it is set to ours.
void add_tail(const State& state, RedisCommand& command) {
  command.insert(command.end(), {"TIMEOUT", std::to_string(state.server->patience.count()), "DIALECT", "2"});
}

Async<std::vector<Hit>> search(Shared state, StoreQuery query) {
  remote::require_vector_search(query, kind);
  const auto index = co_await find(state);
  const auto filter = remote::redis_filter(query.filter, index ? index->numbers : state->numbers);
  if (!index) co_return std::vector<Hit>();
  check_query(query, index->dimensions, index->similarity);
  auto vector = query.vector;
  if (index->similarity == Similarity::cosine) to_unit_length(vector);
  RedisCommand command{"FT.SEARCH",
                       state->name,
                       std::format("{}=>[KNN {} @vector $v AS score]", filter, query.k),
                       "PARAMS",
                       "2",
                       "v",
                       remote::bytes_of(vector),
                       "SORTBY",
                       "score",
                       "ASC",
                       "LIMIT",
                       "0",
                       std::to_string(query.k),
                       "RETURN",
                       query.with_vectors ? "3" : "2",
                       "score",
                       "passage"};
  if (query.with_vectors) command.emplace_back("vector");
  add_tail(*state, command);
  const auto answer = co_await ask(state, std::move(command), query.stop);
  std::vector<Hit> hits;
  for (const auto& row : remote::rows_of(answer)) {
    auto passage = remote::passage_of_row(row, query.with_vectors);
    if (!passage) continue;  // removed meanwhile
    const auto own = remote::number_of_row(row, "score");
    const auto score = index->similarity == Similarity::euclidean ? -std::sqrt(std::max(own, 0.0)) : 1 - own;
    hits.push_back(remote::hit_of(*std::move(passage), score, own, hits.size() + 1));
  }
  co_return hits;
}

/// The number of passages that match the filter, and the keys of at most `limit` of them.
Async<RespValue> keys(Shared state, std::string filter, std::size_t limit) {
  RedisCommand command{"FT.SEARCH", state->name, std::move(filter), "NOCONTENT", "LIMIT", "0", std::to_string(limit)};
  add_tail(*state, command);
  auto answer = co_await ask(state, std::move(command));
  if (answer.kind != RespValue::Kind::list || answer.list.empty() ||
      answer.list.front().kind != RespValue::Kind::integer)
    throw Error(Errc::backend_error, "the Redis server's answer to FT.SEARCH does not begin with a count");
  co_return answer;
}

Async<std::size_t> count(Shared state, Filter filter) {
  const auto index = co_await find(state);
  auto which = remote::redis_filter(filter, index ? index->numbers : state->numbers);
  if (!index) co_return 0;
  const auto answer = co_await keys(state, std::move(which), 0);
  co_return static_cast<std::size_t>(answer.list.front().integer);
}

Async<std::optional<std::size_t>> remove_keys(Shared state, RedisCommand command) {
  const auto answer = co_await ask(state, std::move(command));
  co_return answer.kind == RespValue::Kind::integer ? static_cast<std::size_t>(answer.integer) : 0;
}

Async<std::optional<std::size_t>> remove_ids(Shared state, std::vector<std::string> ids) {
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  RedisCommand command{"DEL"};
  for (const auto& id : ids) command.push_back(key_of(*state, id));
  co_return co_await remove_keys(std::move(state), std::move(command));
}

Async<std::optional<std::size_t>> remove_where(Shared state, Filter filter) {
  if (state->options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
  const auto index = co_await find(state);
  const auto which = remote::redis_filter(filter, index ? index->numbers : state->numbers);
  std::size_t removed = 0;
  while (index) {
    const auto answer = co_await keys(state, which, 1'000);
    if (answer.list.size() == 1) break;
    RedisCommand command{"DEL"};
    for (const auto& key : answer.list | std::views::drop(1)) command.push_back(key.text);
    const auto done = co_await remove_keys(state, std::move(command));
    removed += *done;
    if (*done == 0) break;  // another process removed them
  }
  co_return removed;
}

Async<ScanPage> scan(Shared state, Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  const auto index = co_await find(state);
  auto which = remote::redis_filter(filter, index ? index->numbers : state->numbers);
  if (cursor.find_first_not_of("0123456789") != std::string::npos)
    throw Error(Errc::invalid_parameter, "the cursor is not one that a page of this store gave");
  ScanPage page;
  if (!index) co_return page;
  RedisCommand command{"FT.CURSOR", "READ", state->name, cursor, "COUNT", std::to_string(limit)};
  if (cursor.empty()) {
    command = {"FT.AGGREGATE", state->name, std::move(which), "LOAD", with_vectors ? "2" : "1", "@passage"};
    if (with_vectors) command.emplace_back("@vector");
    command.insert(command.end(), {"WITHCURSOR", "COUNT", std::to_string(limit)});
    add_tail(*state, command);
  }
  const auto answer = co_await ask(state, std::move(command));
  if (answer.kind != RespValue::Kind::list || answer.list.size() != 2)
    throw Error(Errc::backend_error, "the Redis server's answer has no rows and cursor");
  for (const auto& row : remote::rows_of(answer.list[0]))
    if (auto passage = remote::passage_of_row(row, with_vectors)) page.passages.push_back(*std::move(passage));
  if (answer.list[1].integer != 0) page.next = std::to_string(answer.list[1].integer);
  co_return page;
}

Async<std::vector<Passage>> get(Shared state, std::vector<std::string> ids) {
  std::vector<Passage> out;
  if (ids.empty()) co_return out;
  std::vector<RedisCommand> commands;
  for (const auto& id : ids) commands.push_back({"HMGET", key_of(*state, id), "passage", "vector"});
  for (const auto& answer : co_await remote::ask_redis(state->server, std::move(commands))) {
    if (answer.list.size() != 2 || answer.list[0].kind != RespValue::Kind::text) continue;
    out.push_back(remote::passage_of_text(answer.list[0].text));
    out.back().vector = remote::vector_in(answer.list[1].text);
  }
  co_return out;
}

Async<StoreInfo> info(Shared state) {
  const auto index = co_await find(std::move(state));
  co_return remote::info_of(kind, index);
}

constexpr remote::StoreOver<State>::Functions functions{.upsert = upsert,
                                                        .remove = remove_ids,
                                                        .remove_where = remove_where,
                                                        .search = search,
                                                        .count = count,
                                                        .scan = scan,
                                                        .get = get,
                                                        .info = info};

storage::RedisAddress address_of(remote::StoreUri& where, const RemoteStoreOptions& options) {
  const auto url = http::parse_url(where.base);
  storage::RedisAddress out{
      .host = url->host, .port = url->port, .user = where.query["user"], .role = "the store's server"};
  out.uses_tls = where.base.starts_with("https://");
  out.authority = where.query["ca"];
  out.password = options.api_key;
  if (const char* const found = std::getenv("REDIS_PASSWORD"); out.password.is_empty() && found != nullptr)
    out.password = Secret(found);
  if (const auto& number = where.query["database"]; !number.empty()) {
    const auto* const end = number.data() + number.size();
    if (const auto [parsed, problem] = std::from_chars(number.data(), end, out.database);
        problem != std::errc{} || parsed != end || out.database < 0)
      throw Error(Errc::config_error, std::format("`database={}` in the URI of a redis store is not a number", number));
  }
  return out;
}

}  // namespace

std::shared_ptr<Store> redis_store(std::string_view uri, RemoteStoreOptions options) {
  auto where = remote::read_uri(uri, kind, 6379, true);
  if (options.attempts < 1)
    throw Error(Errc::invalid_parameter, "a command of 0 attempts is never sent; allow 1 or more");
  auto state = std::make_shared<State>();
  state->server->address = address_of(where, options);
  state->server->attempts = options.attempts;
  state->server->patience = options.timeouts.total.value_or(options.timeouts.first_byte);
  state->name = where.name;
  state->numbers = remote::field_names(where.query["numbers"]);
  state->is_approximate = remote::wants_graph(where, kind);
  state->options = std::move(options);
  return std::make_shared<remote::StoreOver<State>>(std::move(state), functions);
}

}  // namespace dspy
