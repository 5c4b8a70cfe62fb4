#include "retrieve/remote/postgres/postgres_table.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"

#include <format>

namespace dspy::remote::postgres {
namespace {

constexpr std::size_t most_indexed_dimensions = 2000;  // of pgvector's `vector`

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

std::string quoted_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + '\'';
}

/// JSON without `$`, which could end the quoted statement below.
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

}  // namespace

std::string_view operator_of(Similarity similarity) {
  return similarity == Similarity::cosine ? "<=>" : similarity == Similarity::dot ? "<#>" : "<->";
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

}  // namespace dspy::remote::postgres
