#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/postgres/postgres_connection.hpp"
#include "retrieve/remote/postgres/postgres_table.hpp"
#include "retrieve/remote/postgres/postgres_uri.hpp"
#include "retrieve/remote/postgres/sql_filter.hpp"
#include "retrieve/remote/rest.hpp"
#include "retrieve/remote/store_over.hpp"
#include "retrieve/unit_length.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <optional>
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
using namespace remote::postgres;

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
  if (ids.empty() || !co_await find(state)) co_return std::vector<Passage>();
  std::vector<Passage> found;
  constexpr std::size_t page = 1000;
  for (std::size_t begin = 0; begin < ids.size(); begin += page) {
    SqlValues values;
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(begin + page, ids.size()));
    const auto where = one_of({ids.begin() + static_cast<std::ptrdiff_t>(begin), end}, values);
    const auto rows = co_await ask_sql(
        state->pool.kept(), std::format("select {}embedding::text from {} where {}", columns, state->table, where),
        std::move(values));
    for (std::size_t i = 0; i < rows.rows.size(); ++i) found.push_back(passage_of(rows, i));
  }
  co_return remote::in_order(ids, found);
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
  auto out = remote::info_of(kind, table);
  if (!table) out.similarity = state->options.similarity.value_or(Similarity::cosine);
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
