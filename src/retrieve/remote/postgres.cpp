#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/postgres_connection.hpp"
#include "retrieve/remote/postgres_uri.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/sql_filter.hpp"
#include "retrieve/remote/store_over.hpp"
#include "retrieve/unit_length.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// PostgreSQL with the extension pgvector.  One table: id, text, source, begin_byte, end_byte, metadata (jsonb, for
// filters), record (the metadata as they came) and embedding; its comment says how the vectors compare.

namespace dspy {
namespace {

using remote::ask_sql;
using remote::placed;
using remote::SqlValues;
constexpr std::string_view kind = "postgres";
constexpr std::size_t most_indexed_dimensions = 2000;  // of pgvector's `vector`

struct Table {
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
  std::string embedder = {};
  bool has_index = false;  ///< An approximate one.
};

struct State {
  explicit State(Secret address, RemoteStoreOptions given)
      : pool(std::move(address), given.attempts, given.timeouts.total.value_or(given.timeouts.first_byte)),
        options(std::move(given)) {}

  remote::PostgresPool pool;
  RemoteStoreOptions options;
  std::string table;  ///< Quoted.
  bool wants_index = false;
  std::mutex mutex;
  std::optional<Table> found;
};
using Shared = std::shared_ptr<State>;

std::string_view operator_of(Similarity similarity) {
  return similarity == Similarity::cosine ? "<=>" : similarity == Similarity::dot ? "<#>" : "<->";
}
std::string_view operators_of(Similarity similarity) {
  return similarity == Similarity::cosine ? "vector_cosine_ops"
         : similarity == Similarity::dot  ? "vector_ip_ops"
                                          : "vector_l2_ops";
}

Table table_of(const State& state, const remote::SqlRows& answer) {
  const auto comment = parse_json(answer.rows[0][1].value_or(""));
  const auto* const object = comment ? comment->if_object() : nullptr;
  const auto* const name = object == nullptr ? nullptr : object->if_contains("similarity");
  const auto like = name == nullptr || !name->is_string() ? std::nullopt : similarity(view(name->get_string()));
  if (!like)
    throw Error(Errc::config_error,
                std::format("the table {} was not made by this library: its comment does not say how vectors compare; "
                            "name another by `?table=…`",
                            state.table));
  Table out{.dimensions = std::stoul(answer.cell(0, 0)), .similarity = *like, .has_index = answer.cell(0, 2) == "t"};
  if (const auto* const made = object->if_contains("embedder"); made != nullptr && made->is_string())
    out.embedder = std::string(view(made->get_string()));
  const auto& wanted = state.options;
  if (wanted.similarity && *wanted.similarity != out.similarity)
    throw Error(Errc::config_error, std::format("the table {} compares by {}, not by {}", state.table,
                                                to_string(out.similarity), to_string(*wanted.similarity)));
  if (!wanted.embedder.empty() && !out.embedder.empty() && wanted.embedder != out.embedder)
    throw Error(Errc::config_error, std::format("the vectors of the table {} were made with {}, not with {}",
                                                state.table, out.embedder, wanted.embedder));
  if (wanted.dimensions != 0 && wanted.dimensions != out.dimensions)
    throw Error(Errc::config_error, std::format("vectors of the table {} have {} floats, not {}", state.table,
                                                out.dimensions, wanted.dimensions));
  return out;
}

Async<std::optional<Table>> find(Shared state) {
  {
    const std::scoped_lock lock(state->mutex);
    if (state->found) co_return state->found;
  }
  SqlValues values{state->table};
  const auto answer = co_await ask_sql(
      state->pool.kept(),
      "select a.atttypmod, obj_description(a.attrelid, 'pg_class'), exists (select from pg_index i join pg_class c on "
      "c.oid = i.indexrelid join pg_am m on m.oid = c.relam where i.indrelid = a.attrelid and m.amname in ('hnsw', "
      "'ivfflat')) from pg_attribute a where a.attrelid = to_regclass($1) and a.attname = 'embedding'",
      std::move(values));
  if (answer.rows.empty()) {
    if (state->options.is_read_only)
      throw Error(Errc::config_error,
                  std::format("there is no table {} with passages; check `?table=…`", state->table));
    co_return std::nullopt;
  }
  auto table = table_of(*state, answer);
  const std::scoped_lock lock(state->mutex);
  state->found = table;
  co_return table;
}

std::string quoted_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + '\'';
}

/// JSON without `$`, which could end the quotation of the statement below.
std::string comment_of(const JsonObject& json) {
  std::string out;
  for (const char c : to_text(json)) out += c == '$' ? "\\u0024" : std::string(1, c);
  return quoted_text(out);
}

/// One statement, so that a table is never there without its comment; two who make it at once both find it.
std::string making(const State& state, std::size_t dimensions, Similarity like) {
  const auto comment = comment_of({{"dspy", 1}, {"similarity", to_string(like)}, {"embedder", state.options.embedder}});
  auto index = std::string();
  if (state.wants_index)
    index = std::format("create index on {} using hnsw (embedding {}); ", state.table, operators_of(like));
  return std::format(
      "do $make$ begin perform pg_advisory_xact_lock(hashtext({4})); create extension if not exists vector; "
      "if to_regclass({4}) is null then create table {0} (id text collate \"C\" primary key, text text not null, "
      "source text not null, begin_byte bigint not null, end_byte bigint not null, metadata jsonb not null, record "
      "text not null, embedding vector({1}) not null); create index on {0} using gin (metadata jsonb_path_ops); "
      "{2}comment on table {0} is {3}; end if; end $make$",
      state.table, dimensions, index, comment, quoted_text(state.table));
}

Async<Table> find_or_make(Shared state, std::size_t dimensions) {
  if (const auto found = co_await find(state)) co_return *found;
  if (!state->options.create)
    throw Error(Errc::config_error, std::format("there is no table {}, and none may be made", state->table));
  if (state->wants_index && dimensions > most_indexed_dimensions)
    throw Error(Errc::config_error, std::format("pgvector indexes vectors of at most {} floats, these have {}; leave "
                                                "`index=hnsw` out",
                                                most_indexed_dimensions, dimensions));
  const auto like = state->options.similarity.value_or(Similarity::cosine);
  co_await ask_sql(state->pool.kept(), making(*state, dimensions, like), {});
  const auto made = co_await find(state);
  if (!made)
    throw Error(Errc::config_error,
                std::format("the table {} was not made by this library; name another by `?table=…`", state->table));
  co_return *made;
}

void require_writable(const State& state) {
  if (state.options.is_read_only) throw Error(Errc::invalid_parameter, "the store was opened for reading only");
}

void require_keepable(const Passage& passage) {
  auto shown = passage.id;
  std::ranges::replace(shown, '\0', '?');  // a message would end there
  const auto where = std::format("the passage `{}`", shown);
  for (const auto* const text : {&passage.id, &passage.text, &passage.source})
    remote::require_no_zero_byte(*text, where);
  remote::require_no_zero_byte(Json(passage.metadata), where);
}

Async<void> upsert(Shared state, std::vector<Passage> passages) {
  if (passages.empty()) co_return;
  require_writable(*state);
  remote::require_vectors(passages, kind);
  check_passages(passages, state->options.dimensions, state->options.similarity.value_or(Similarity::cosine));
  for (const auto& passage : passages) require_keepable(passage);
  const auto table = co_await find_or_make(state, passages.front().vector.size());
  check_passages(passages, table.dimensions, table.similarity);
  const auto batch = state->options.batch > 0 ? state->options.batch : std::size_t{256};
  for (std::size_t begin = 0; begin < passages.size(); begin += batch) {
    SqlValues values;
    std::string rows;
    for (auto i = begin; i < std::min(begin + batch, passages.size()); ++i) {
      auto& passage = passages[i];
      if (table.similarity == Similarity::cosine) to_unit_length(passage.vector);
      const auto metadata = to_text(passage.metadata);
      rows += rows.empty() ? "(" : ", (";
      rows += placed(values, passage.id) + "::text, ";
      rows += placed(values, passage.text) + "::text, ";
      rows += placed(values, passage.source) + "::text, ";
      rows += placed(values, std::to_string(passage.begin)) + "::bigint, ";
      rows += placed(values, std::to_string(passage.end)) + "::bigint, ";
      rows += placed(values, metadata) + "::jsonb, ";
      rows += placed(values, metadata) + "::text, ";
      rows += placed(values, remote::vector_text(passage.vector)) + "::vector)";
    }
    co_await ask_sql(
        state->pool.kept(),
        std::format("insert into {} (id, text, source, begin_byte, end_byte, metadata, record, embedding) values {} on "
                    "conflict (id) do update set text = excluded.text, source = excluded.source, begin_byte = "
                    "excluded.begin_byte, end_byte = excluded.end_byte, metadata = excluded.metadata, record = "
                    "excluded.record, embedding = excluded.embedding",
                    state->table, rows),
        std::move(values));
  }
}

constexpr std::string_view columns = "id, text, source, begin_byte, end_byte, record, ";

/// From the columns above, and the vector where there is one.
Passage passage_of(const remote::SqlRows& rows, std::size_t row) {
  const auto metadata = parse_json(rows.cell(row, 5));
  if (!metadata || !metadata->is_object())
    throw Error(Errc::backend_error, std::format("the passage `{}` was not kept by this library", rows.cell(row, 0)));
  Passage out{.id = rows.cell(row, 0),
              .text = rows.cell(row, 1),
              .metadata = metadata->get_object(),
              .source = rows.cell(row, 2),
              .begin = std::stoul(rows.cell(row, 3)),
              .end = std::stoul(rows.cell(row, 4))};
  if (const auto& vector = rows.rows[row].at(6)) out.vector = remote::vector_of_text(*vector);
  return out;
}

std::string_view vector_column(bool with_vectors) {
  return with_vectors ? "embedding::text" : "null::text";
}

Async<remote::SqlRows> search_once(const Shared& state, StoreQuery query, const Table& table, bool exact) {
  SqlValues values;
  const auto near = placed(values, remote::vector_text(query.vector));
  const auto where = remote::sql_filter(query.filter, values);
  // An index is found by the plain expression only.
  const auto distance = std::format("embedding {} {}::vector", operator_of(table.similarity), near);
  auto statement = std::format("select {}{}, {} from {} where {} order by {}, id limit {}", columns,
                               vector_column(query.with_vectors), distance, state->table, where,
                               exact ? std::format("({}) + 0", distance) : distance, query.k);
  return ask_sql(state->pool.kept(), std::move(statement), std::move(values), query.stop);
}

Async<std::vector<Hit>> search(Shared state, StoreQuery query) {
  remote::require_vector_search(query, kind);
  const auto table = co_await find(state);
  if (!table) co_return std::vector<Hit>();
  check_query(query, table->dimensions, table->similarity);
  if (table->similarity == Similarity::cosine) to_unit_length(query.vector);
  const bool is_exact = query.exact || !table->has_index;
  auto rows = co_await search_once(state, query, *table, is_exact);
  // The index gives up after so many rows that a filter leaves out.
  if (!is_exact && rows.rows.size() < query.k) rows = co_await search_once(state, query, *table, true);
  std::vector<Hit> hits;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const auto own = std::stod(rows.cell(i, 7));
    const auto score = table->similarity == Similarity::cosine ? 1 - own : -own;
    hits.push_back(remote::hit_of(passage_of(rows, i), score, own, i + 1));
  }
  co_return hits;
}

Async<std::size_t> count(Shared state, Filter filter) {
  if (!co_await find(state)) co_return 0;
  SqlValues values;
  const auto where = remote::sql_filter(filter, values);
  const auto rows = co_await ask_sql(
      state->pool.kept(), std::format("select count(*) from {} where {}", state->table, where), std::move(values));
  co_return std::stoul(rows.cell(0, 0));
}

Async<ScanPage> scan(Shared state, Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  ScanPage page;
  if (!co_await find(state)) co_return page;
  SqlValues values;
  auto where = remote::sql_filter(filter, values);
  if (!cursor.empty()) where += std::format(" and id > {}::text", placed(values, cursor));
  const auto rows = co_await ask_sql(state->pool.kept(),
                                     std::format("select {}{} from {} where {} order by id limit {}", columns,
                                                 vector_column(with_vectors), state->table, where, limit),
                                     std::move(values));
  for (std::size_t i = 0; i < rows.rows.size(); ++i) page.passages.push_back(passage_of(rows, i));
  if (page.passages.size() == limit && limit > 0) page.next = page.passages.back().id;
  co_return page;
}

/// A condition on ids.
std::string one_of(const std::vector<std::string>& ids, SqlValues& values) {
  std::string out;
  for (const auto& id : ids) out += std::format("{}{}::text", out.empty() ? "" : ", ", placed(values, id));
  return std::format("id in ({})", out);
}

Async<std::vector<Passage>> get(Shared state, std::vector<std::string> ids) {
  std::vector<Passage> out;
  if (ids.empty() || !co_await find(state)) co_return out;
  std::map<std::string, Passage> found;
  constexpr std::size_t page = 1000;
  for (std::size_t begin = 0; begin < ids.size(); begin += page) {
    SqlValues values;
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(begin + page, ids.size()));
    const auto where = one_of({ids.begin() + static_cast<std::ptrdiff_t>(begin), end}, values);
    const auto rows = co_await ask_sql(
        state->pool.kept(), std::format("select {}embedding::text from {} where {}", columns, state->table, where),
        std::move(values));
    for (std::size_t i = 0; i < rows.rows.size(); ++i) found.emplace(rows.cell(i, 0), passage_of(rows, i));
  }
  for (const auto& id : ids)
    if (const auto each = found.find(id); each != found.end()) out.push_back(each->second);
  co_return out;
}

Async<std::optional<std::size_t>> remove(Shared state, std::string where, SqlValues values) {
  require_writable(*state);
  if (!co_await find(state)) co_return 0;
  const auto done = co_await ask_sql(state->pool.kept(), std::format("delete from {} where {}", state->table, where),
                                     std::move(values));
  co_return done.changed;
}

Async<StoreInfo> info(Shared state) {
  const auto table = co_await find(state);
  StoreInfo out{.kind = std::string(kind),
                .similarity = state->options.similarity.value_or(Similarity::cosine),
                .abilities = {.text_search = false}};
  if (table) {
    out.dimensions = table->dimensions;
    out.similarity = table->similarity;
    out.embedder = table->embedder;
  }
  co_return out;
}

Async<std::optional<std::size_t>> remove_ids(Shared state, std::vector<std::string> ids) {
  SqlValues values;
  auto where = one_of(ids, values);
  return remove(std::move(state), std::move(where), std::move(values));
}

Async<std::optional<std::size_t>> remove_where(Shared state, Filter filter) {
  SqlValues values;
  auto where = remote::sql_filter(filter, values);
  return remove(std::move(state), std::move(where), std::move(values));
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

std::shared_ptr<Store> postgres_store(std::string_view uri, RemoteStoreOptions options) {
  auto where = remote::read_postgres_uri(uri);
  auto state = std::make_shared<State>(std::move(where.address), std::move(options));
  state->table = std::move(where.table);
  state->wants_index = where.wants_index;
  return std::make_shared<remote::StoreOver<State>>(std::move(state), functions);
}

}  // namespace dspy
