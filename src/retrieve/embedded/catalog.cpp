#include "retrieve/embedded/catalog.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "dspy/base/json.hpp"
#include "dspy/storage/database.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::embedded {
namespace {

constexpr const char* schema = R"(
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, layout INTEGER NOT NULL,
  dimensions INTEGER NOT NULL, similarity TEXT NOT NULL, embedder TEXT NOT NULL, is_half INTEGER NOT NULL,
  passages INTEGER NOT NULL, texts INTEGER NOT NULL, words INTEGER NOT NULL, next_row INTEGER NOT NULL,
  next_segment INTEGER NOT NULL, next_block INTEGER NOT NULL);
INSERT INTO state VALUES (1, 0, 0, 0, 'cosine', '', 0, 0, 0, 0, 1, 1, 1);
CREATE TABLE passages (row INTEGER PRIMARY KEY, words INTEGER NOT NULL, has_vector INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, begins INTEGER NOT NULL, ends INTEGER NOT NULL,
  metadata TEXT NOT NULL, text TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE pending (row INTEGER PRIMARY KEY, vector BLOB NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE dead (number INTEGER PRIMARY KEY, row INTEGER NOT NULL);
CREATE TABLE segments (number INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE fields (field INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE attributes (field INTEGER NOT NULL, part INTEGER NOT NULL, value BLOB NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (field, part, value, row)) WITHOUT ROWID;
CREATE TABLE postings (word TEXT NOT NULL, block INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (word, block)) WITHOUT ROWID;
)";

std::int64_t passage_checksum(const StoredPassage& stored, std::string_view metadata) {
  const auto& passage = stored.passage;
  auto hash = hash_bytes(
      std::format("{} {} {} {} {}", stored.row, stored.words, stored.has_vector, passage.begin, passage.end), 1);
  for (const std::string_view part :
       {std::string_view(passage.id), std::string_view(passage.source), metadata, std::string_view(passage.text)})
    hash = hash_bytes(part, hash);
  return static_cast<std::int64_t>(hash);
}

}  // namespace

storage::DatabaseOptions catalog_options(bool is_read_only) {
  return {.migrations = {schema}, .purpose = "index", .is_read_only = is_read_only, .check_up_to_bytes = 0};
}

Catalog::Catalog(const std::filesystem::path& path, bool is_read_only)
    : database_(path, catalog_options(is_read_only)) {
  if (!is_read_only) database_.execute("PRAGMA synchronous=FULL");
  database_.execute("PRAGMA cache_size=-16000");
}

storage::Statement& Catalog::statement(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) {
    found->second.reset();
    return found->second;
  }
  return statements_.emplace(std::string(sql), database_.prepare(sql)).first->second;
}

State Catalog::state() {
  auto& row = statement(
      "SELECT generation, layout, dimensions, similarity, embedder, is_half, passages, texts, words, next_row, "
      "next_segment, next_block FROM state");
  if (!row.step()) throw Error(Errc::io_error, "the index has lost its state; build it again");
  const auto similarity = dspy::similarity(row.bytes(3));
  if (!similarity)
    throw Error(Errc::io_error, std::format("the index has an unknown similarity `{}`; build it again", row.bytes(3)));
  State state{.generation = row.integer(0),
              .layout = row.integer(1),
              .dimensions = row.integer(2),
              .similarity = *similarity,
              .embedder = std::string(row.bytes(4)),
              .is_half = row.integer(5) != 0,
              .passages = row.integer(6),
              .texts = row.integer(7),
              .words = row.integer(8),
              .next_row = row.integer(9),
              .next_segment = row.integer(10),
              .next_block = row.integer(11)};
  row.reset();
  return state;
}

void Catalog::set_state(const State& state) {
  statement(
      "UPDATE state SET generation=?1, layout=?2, dimensions=?3, similarity=?4, embedder=?5, is_half=?6, passages=?7, "
      "texts=?8, words=?9, next_row=?10, next_segment=?11, next_block=?12")
      .bind(1, state.generation)
      .bind(2, state.layout)
      .bind(3, state.dimensions)
      .bind_text(4, to_string(state.similarity))
      .bind_text(5, state.embedder)
      .bind(6, std::int64_t{state.is_half ? 1 : 0})
      .bind(7, state.passages)
      .bind(8, state.texts)
      .bind(9, state.words)
      .bind(10, state.next_row)
      .bind(11, state.next_segment)
      .bind(12, state.next_block)
      .run();
}

std::vector<SegmentRecord> Catalog::segments() {
  std::vector<SegmentRecord> out;
  auto& row = statement("SELECT number, name FROM segments ORDER BY number");
  while (row.step()) out.push_back({row.integer(0), std::string(row.bytes(1))});
  row.reset();
  return out;
}

std::map<std::string, std::int64_t> Catalog::fields() {
  std::map<std::string, std::int64_t> out;
  auto& row = statement("SELECT name, field FROM fields");
  while (row.step()) out.emplace(row.bytes(0), row.integer(1));
  row.reset();
  return out;
}

std::optional<std::int64_t> Catalog::row_of(std::string_view id) {
  auto& row = statement("SELECT row FROM passages WHERE id = ?1").bind_text(1, id);
  const auto found = row.step() ? std::optional(row.integer(0)) : std::nullopt;
  row.reset();
  return found;
}

std::optional<StoredPassage> Catalog::passage(std::int64_t wanted) {
  static const auto sql = std::format("SELECT {} FROM passages WHERE row = ?1", passage_columns);
  auto& row = statement(sql).bind(1, wanted);
  std::optional<StoredPassage> found;
  if (row.step()) found = read_passage(row);
  row.reset();
  return found;
}

void Catalog::insert(const StoredPassage& stored) {
  static const auto sql =
      std::format("INSERT INTO passages ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", passage_columns);
  const auto& passage = stored.passage;
  const auto metadata = to_text(Json(passage.metadata));
  statement(sql)
      .bind(1, stored.row)
      .bind(2, stored.words)
      .bind(3, std::int64_t{stored.has_vector ? 1 : 0})
      .bind_text(4, passage.id)
      .bind_text(5, passage.source)
      .bind(6, static_cast<std::int64_t>(passage.begin))
      .bind(7, static_cast<std::int64_t>(passage.end))
      .bind_text(8, metadata)
      .bind_text(9, passage.text)
      .bind(10, passage_checksum(stored, metadata))
      .run();
}

StoredPassage read_passage(const storage::Statement& row) {
  StoredPassage stored{.row = row.integer(0),
                       .words = row.integer(1),
                       .has_vector = row.integer(2) != 0,
                       .passage = {.id = std::string(row.bytes(3)),
                                   .text = std::string(row.bytes(8)),
                                   .source = std::string(row.bytes(4)),
                                   .begin = static_cast<std::size_t>(row.integer(5)),
                                   .end = static_cast<std::size_t>(row.integer(6))}};
  const std::string metadata(row.bytes(7));
  auto json = parse_json(metadata);
  if (passage_checksum(stored, metadata) != row.integer(9) || !json || !json->is_object())
    throw Error(Errc::io_error,
                std::format("the passage `{}` in the index is damaged; keep it anew", stored.passage.id));
  stored.passage.metadata = std::move(json->get_object());
  return stored;
}

std::int64_t vector_checksum(std::int64_t row, std::string_view bytes) {
  return static_cast<std::int64_t>(hash_bytes(bytes, static_cast<std::uint64_t>(row)));
}

}  // namespace dspy::embedded
