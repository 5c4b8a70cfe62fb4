#include "retrieve/embedded/snapshot.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace dspy::embedded {
namespace {

void damaged(Snapshot& snapshot, const std::string& what) {
  log(LogLevel::warning, "index", what);
  snapshot.damages.push_back(what);
}

void open_segments(Snapshot& snapshot, Catalog& catalog, const Snapshot* before, const std::filesystem::path& folder) {
  std::map<std::string, std::shared_ptr<const Segment>, std::less<>> known;
  if (before != nullptr)
    for (const auto& live : before->segments) known.emplace(live.segment->name(), live.segment);
  for (const auto& record : catalog.segments()) {
    if (const auto found = known.find(record.name); found != known.end()) {
      snapshot.segments.push_back({found->second});
      continue;
    }
    const auto opened = attempt([&] { return std::make_shared<const Segment>(folder / record.name); });
    if (!opened) {
      if (opened.error().code() == Errc::config_error) throw Error(opened.error());
      damaged(snapshot, opened.error().what());
      continue;
    }
    const auto& segment = **opened;
    if (segment.dimensions() != static_cast<std::size_t>(snapshot.state.dimensions) ||
        segment.similarity() != snapshot.state.similarity) {
      damaged(snapshot, std::format("the segment `{}` belongs to another index", record.name));
      continue;
    }
    snapshot.segments.push_back({*opened});
  }
}

void kill(Snapshot& snapshot, std::uint64_t row) {
  if (!snapshot.dead.add(row)) return;
  for (auto& live : snapshot.segments)
    if (const auto place = live.segment->place_of(row); place && live.dead.add(*place)) ++live.dead_count;
}

void read_pending(Snapshot& snapshot, Catalog& catalog) {
  const auto dimensions = static_cast<std::size_t>(snapshot.state.dimensions);
  const auto last = snapshot.pending_rows.empty() ? 0 : static_cast<std::int64_t>(snapshot.pending_rows.back());
  auto& rows = catalog.statement("SELECT row, vector, checksum FROM pending WHERE row > ?1 ORDER BY row").bind(1, last);
  while (rows.step()) {
    const auto row = rows.integer(0);
    const auto bytes = rows.bytes(1);
    if (bytes.size() != dimensions * sizeof(float) || vector_checksum(row, bytes) != rows.integer(2)) {
      damaged(snapshot, std::format("the vector of row {} is damaged; keep its passage anew", row));
      continue;
    }
    snapshot.pending_rows.push_back(static_cast<std::uint64_t>(row));
    const auto start = snapshot.pending.size();
    snapshot.pending.resize(start + dimensions);
    std::memcpy(snapshot.pending.data() + start, bytes.data(), bytes.size());
  }
  rows.reset();
}

}  // namespace

const Bitmap& Snapshot::live_rows(Catalog& catalog) const {
  const std::lock_guard lock(live->mutex);
  if (!live->rows) {
    Bitmap found(static_cast<std::size_t>(state.next_row));
    auto& rows = catalog.statement("SELECT row FROM passages INDEXED BY sqlite_autoindex_passages_1");
    while (rows.step()) found.add(static_cast<std::size_t>(rows.integer(0)));
    rows.reset();
    live->rows = std::move(found);
  }
  return *live->rows;
}

std::shared_ptr<const Snapshot> take_snapshot(Catalog& catalog, const State& state, const Snapshot* before,
                                              const std::filesystem::path& folder) {
  auto snapshot = std::make_shared<Snapshot>();
  const bool is_laid_out_anew = before == nullptr || before->state.layout != state.layout;
  if (!is_laid_out_anew) *snapshot = *before;
  snapshot->live = std::make_shared<LiveRows>();
  snapshot->state = state;
  snapshot->fields = catalog.fields();
  if (is_laid_out_anew) open_segments(*snapshot, catalog, before, folder);
  auto& dead = catalog.statement("SELECT number, row FROM dead WHERE number > ?1 ORDER BY number");
  dead.bind(1, snapshot->last_dead);
  while (dead.step()) {
    snapshot->last_dead = dead.integer(0);
    kill(*snapshot, static_cast<std::uint64_t>(dead.integer(1)));
  }
  dead.reset();
  read_pending(*snapshot, catalog);
  return snapshot;
}

}  // namespace dspy::embedded
