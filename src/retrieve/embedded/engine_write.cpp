#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "retrieve/embedded/attributes.hpp"
#include "retrieve/embedded/bitmap.hpp"
#include "retrieve/embedded/catalog.hpp"
#include "retrieve/embedded/engine.hpp"
#include "retrieve/embedded/postings.hpp"
#include "retrieve/embedded/segment_writer.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/search_order.hpp"
#include "retrieve/unit_length.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::embedded {

struct Engine::Change {
  Catalog& catalog;
  State state;
  Fields fields;
  NewPostings postings = {};

  explicit Change(Catalog& to, State now) : catalog(to), state(std::move(now)), fields(to.fields()) {}

  /// The last step of a transaction.
  void finish() {
    if (!postings.empty()) insert_postings(catalog, postings, state.next_block++);
    ++state.generation;
    catalog.set_state(state);
  }
};

/// Whoever has it has the lock.
Catalog& Engine::writer() {
  if (options_.is_read_only)
    throw Error(Errc::invalid_parameter, std::format("the index `{}` was opened for reading; open it without "
                                                     "`is_read_only`",
                                                     folder_.string()));
  if (!writer_) {
    if (!lock_) lock_.emplace(folder_ / "writer.lock");
    auto catalog = std::make_unique<Catalog>(file_, false);
    remove_orphans(*catalog);
    auto& waiting = catalog->statement("SELECT count(*) FROM pending");
    pending_ = waiting.step() ? static_cast<std::size_t>(waiting.integer(0)) : 0;
    waiting.reset();
    writer_ = std::move(catalog);
  }
  return *writer_;
}

/// What a writer that was killed left behind.
void Engine::remove_orphans(Catalog& catalog) {
  std::set<std::string, std::less<>> known;
  for (const auto& record : catalog.segments()) known.insert(record.name);
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, code)) {
    const auto name = entry.path().filename().string();
    if ((name.ends_with(".vec") && !known.contains(name)) || (name.starts_with(".dspy-") && name.ends_with(".part")))
      std::filesystem::remove(entry.path(), code);
  }
}

void Engine::insert(Change& change, Passage passage) {
  auto& [catalog, state, fields, postings] = change;
  if (const auto old = catalog.row_of(passage.id)) erase(change, *old);
  const auto row = state.next_row++;
  StoredPassage stored{.row = row, .has_vector = !passage.vector.empty()};
  auto vector = std::exchange(passage.vector, {});
  add_words(postings, row, passage.text, stored.words);
  stored.passage = std::move(passage);
  catalog.insert(stored);
  add_attributes(catalog, fields, row, stored.passage);
  ++state.passages;
  state.texts += stored.words > 0 ? 1 : 0;
  state.words += stored.words;
  if (vector.empty()) return;
  if (state.similarity == Similarity::cosine) to_unit_length(vector);
  state.dimensions = static_cast<std::int64_t>(vector.size());
  const std::string_view bytes(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float));
  catalog.statement("INSERT INTO pending (row, vector, checksum) VALUES (?1, ?2, ?3)")
      .bind(1, row)
      .bind_bytes(2, bytes)
      .bind(3, vector_checksum(row, bytes))
      .run();
  ++pending_;
}

void Engine::erase(Change& change, std::int64_t row) {
  auto& [catalog, state, fields, postings] = change;
  auto& about = catalog.statement("SELECT words FROM passages WHERE row = ?1").bind(1, row);
  const auto words = about.step() ? about.integer(0) : 0;
  about.reset();
  if (const auto stored = attempt([&] { return catalog.passage(row); }); stored && *stored) {
    remove_attributes(catalog, fields, row, (*stored)->passage);
  } else {  // damaged: what it had cannot be known
    catalog.statement("DELETE FROM attributes WHERE row = ?1").bind(1, row).run();
  }
  catalog.statement("DELETE FROM passages WHERE row = ?1").bind(1, row).run();
  catalog.statement("DELETE FROM pending WHERE row = ?1").bind(1, row).run();
  catalog.statement("INSERT INTO dead (row) VALUES (?1)").bind(1, row).run();
  --state.passages;
  state.texts -= words > 0 ? 1 : 0;
  state.words -= words;
}

void Engine::upsert(std::vector<Passage> passages) {
  const std::lock_guard lock(writer_mutex_);
  auto& catalog = writer();
  const auto state = effective(catalog.state());
  check_passages(passages, static_cast<std::size_t>(state.dimensions), state.similarity);
  if (passages.empty()) return;
  catalog.database().transaction([&] {
    Change change(catalog, state);
    for (auto& passage : passages) insert(change, std::move(passage));
    change.finish();
  });
  if (pending_ < std::max<std::size_t>(options_.flush_from, 1)) return;
  // The passages are kept; that their vectors could not be moved is told, and tried again at the next call.
  if (const auto done = attempt([&] { flush(); }); !done)
    log(LogLevel::warning, "index", std::format("vectors wait for a segment: {}", done.error().what()));
}

std::size_t Engine::remove(const std::vector<std::string>& ids) {
  const std::lock_guard lock(writer_mutex_);
  auto& catalog = writer();
  std::size_t removed = 0;
  catalog.database().transaction([&] {
    Change change(catalog, effective(catalog.state()));
    for (const auto& id : ids) {
      const auto row = catalog.row_of(id);
      if (!row) continue;
      erase(change, *row);
      ++removed;
    }
    if (removed != 0) change.finish();
  });
  return removed;
}

std::size_t Engine::remove_where(const Filter& filter) {
  const std::lock_guard lock(writer_mutex_);
  auto& catalog = writer();
  std::size_t removed = 0;
  catalog.database().transaction([&] {
    Change change(catalog, effective(catalog.state()));
    if (change.state.passages == 0) return;
    std::set<std::string> known;
    for (const auto& [name, field] : change.fields) known.insert(name);
    check_fields(filter, known);
    Snapshot now;
    now.state = change.state;
    const auto rows =
        rows_that_meet(filter, catalog, change.fields, [&]() -> const Bitmap& { return now.live_rows(catalog); });
    rows.each([&](std::size_t row) {
      erase(change, static_cast<std::int64_t>(row));
      ++removed;
    });
    if (removed != 0) change.finish();
  });
  return removed;
}

/// What waits becomes a segment, together with those before it that are not much larger: there are never many.
void Engine::flush() {
  auto& catalog = writer();
  const auto snapshot = take_snapshot(catalog, effective(catalog.state()), nullptr, folder_);
  auto first = snapshot->segments.size();
  for (auto rows = snapshot->pending_rows.size(); first > 0; --first) {
    const auto& before = snapshot->segments[first - 1];
    if (before.segment->has_graph() || before.segment->size() >= 2 * rows || before.segment->damage()) break;
    rows += before.segment->size();
  }
  rewrite(*snapshot, first, false, {});
}

void Engine::compact(const CompactOptions& options) {
  const std::lock_guard lock(writer_mutex_);
  auto& catalog = writer();
  const auto snapshot = take_snapshot(catalog, effective(catalog.state()), nullptr, folder_);
  rewrite(*snapshot, 0, true, options);
}

void Engine::rewrite(const Snapshot& snapshot, std::size_t first, bool everything, const CompactOptions& options) {
  auto& catalog = writer();
  auto state = snapshot.state;
  SegmentContent content{.dimensions = static_cast<std::size_t>(state.dimensions),
                         .similarity = state.similarity,
                         .is_half = state.is_half,
                         .has_codes = state.similarity != Similarity::euclidean,
                         .breadth = options_.build_breadth};
  std::set<std::string> replaced;
  for (auto i = first; i < snapshot.segments.size(); ++i) {
    const auto& [segment, dead, dead_count] = snapshot.segments[i];
    replaced.insert(segment->name());
    if (segment->damage()) continue;
    for (std::size_t at = 0; at < segment->size(); ++at) {
      if (dead.has(at)) continue;
      content.rows.push_back(segment->rows()[at]);
      const auto vector = segment->vector(at);
      content.vectors.insert(content.vectors.end(), vector.begin(), vector.end());
    }
  }
  for (std::size_t i = 0; i < snapshot.pending_rows.size(); ++i) {
    if (snapshot.dead.has(snapshot.pending_rows[i])) continue;
    content.rows.push_back(snapshot.pending_rows[i]);
    const auto start = snapshot.pending.begin() + static_cast<std::ptrdiff_t>(i * content.dimensions);
    content.vectors.insert(content.vectors.end(), start, start + state.dimensions);
  }
  if (everything)
    for (const auto& record : catalog.segments()) replaced.insert(record.name);
  content.has_graph = everything && content.rows.size() >= options_.graph_from;
  if (everything && !options.give_up_damaged) give_up_lost(catalog, content.rows, false);

  const auto name = std::format("{:06}.vec", state.next_segment);
  if (!content.rows.empty()) write_segment(folder_ / name, content, options.stop);
  catalog.database().transaction([&] {
    for (const auto& old : replaced) catalog.statement("DELETE FROM segments WHERE name = ?1").bind_text(1, old).run();
    if (!content.rows.empty())
      catalog.statement("INSERT INTO segments (number, name) VALUES (?1, ?2)")
          .bind(1, state.next_segment++)
          .bind_text(2, name)
          .run();
    catalog.database().execute("DELETE FROM pending");
    if (everything) {
      give_up_lost(catalog, content.rows, true);
      compact_postings(catalog, snapshot.dead, state.next_block);
      catalog.database().execute("DELETE FROM dead");
    }
    ++state.layout;
    ++state.generation;
    catalog.set_state(state);
  });
  pending_ = 0;
  std::error_code code;
  for (const auto& old : replaced) std::filesystem::remove(folder_ / old, code);
  if (!everything) return;
  catalog.database().execute("PRAGMA incremental_vacuum");
  catalog.database().execute("PRAGMA wal_checkpoint(TRUNCATE)");
  const std::lock_guard lock(damages_mutex_);
  damages_.clear();
}

/// Passages whose vectors are in none of `rows`: an error, or kept without.
void Engine::give_up_lost(Catalog& catalog, const std::vector<std::uint64_t>& rows, bool is_allowed) {
  std::vector<std::int64_t> lost;
  auto& found = catalog.statement("SELECT row FROM passages WHERE has_vector = 1");
  while (found.step())
    if (!std::ranges::binary_search(rows, static_cast<std::uint64_t>(found.integer(0))))
      lost.push_back(found.integer(0));
  found.reset();
  if (lost.empty()) return;
  if (!is_allowed)
    throw Error(Errc::io_error, std::format("{} passages of the index `{}` have lost their vectors in a damaged "
                                            "segment; write those that `check` names again, or give up their vectors",
                                            lost.size(), folder_.string()));
  for (const auto row : lost) {
    auto stored = catalog.passage(row);
    if (!stored) continue;
    stored->has_vector = false;
    catalog.statement("DELETE FROM passages WHERE row = ?1").bind(1, row).run();
    catalog.insert(*stored);
  }
}

}  // namespace dspy::embedded
