#include "retrieve/embedded/engine.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/storage/database.hpp"
#include "retrieve/embedded/catalog.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/search_order.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace dspy::embedded {

namespace fs = std::filesystem;

namespace {

/// The format of a file; 0: one that was interrupted when it was made.
std::int64_t format_in(const fs::path& file, bool is_read_only) {
  try {
    // Read-only, so that a damaged file is told of and stays where it is.
    storage::Database probe(file, {.migrations = {}, .purpose = "index", .is_read_only = true, .check_up_to_bytes = 0});
    auto version = probe.prepare("PRAGMA user_version");
    return version.step() ? version.integer(0) : 0;
  } catch (const Error&) {
    // A journal that has to be rolled back needs a writer; what else is wrong, the writer tells.
    if (is_read_only) throw;
    return 0;
  }
}

}  // namespace

Engine::Engine(fs::path folder, EmbeddedOptions options)
    : folder_(std::move(folder)), file_(folder_ / "index.sqlite"), options_(std::move(options)) {
  open_or_make();
  const Session session(*this);
  refuse_others(session.state());
}

void Engine::open_or_make() {
  std::error_code code;
  if (!fs::exists(file_, code)) {
    if (options_.is_read_only || !options_.create)
      throw Error(Errc::io_error,
                  std::format("there is no index in `{}`; create one with `dspy index build`", folder_.string()));
    if (fs::exists(folder_, code) && !fs::is_directory(folder_, code))
      throw Error(Errc::io_error, std::format("`{}` is not a folder; an index is one", folder_.string()));
    Catalog(file_, false);
    return;
  }
  const auto found = format_in(file_, options_.is_read_only);
  if (found > catalog_version)
    throw Error(Errc::config_error,
                std::format("the index `{}` was written by a newer version of the library (format {} instead of {}); "
                            "use that one, or build the index again",
                            folder_.string(), found, catalog_version));
  if (found == catalog_version) return;
  // It was interrupted when it was made.
  if (options_.is_read_only)
    throw Error(Errc::io_error,
                std::format("building the index in `{}` was not finished; build it again with `dspy index build`",
                            folder_.string()));
  Catalog(file_, false);
}

/// As the first writer will make it.
State Engine::effective(State state) const {
  if (state.generation != 0) return state;
  state.dimensions = static_cast<std::int64_t>(options_.dimensions);
  state.similarity = options_.similarity.value_or(Similarity::cosine);
  state.embedder = options_.embedder;
  state.is_half = options_.half;
  return state;
}

void Engine::refuse_others(const State& state) const {
  const auto refuse = [&](const std::string& what, const std::string& wanted, const std::string& found) {
    throw Error(Errc::config_error,
                std::format("the index `{}` was made with the {} `{}`, not `{}`; use that one, or build another index",
                            folder_.string(), what, found, wanted));
  };
  if (options_.dimensions != 0 && state.dimensions != 0 &&
      options_.dimensions != static_cast<std::size_t>(state.dimensions))
    refuse("vector length", std::to_string(options_.dimensions), std::to_string(state.dimensions));
  if (options_.similarity && *options_.similarity != state.similarity)
    refuse("similarity", std::string(to_string(*options_.similarity)), std::string(to_string(state.similarity)));
  if (!options_.embedder.empty() && !state.embedder.empty() && options_.embedder != state.embedder)
    refuse("embedder", options_.embedder, state.embedder);
}

void Engine::note(const std::string& damage) {
  const std::lock_guard lock(damages_mutex_);
  if (damages_.insert(damage).second) log(LogLevel::warning, "index", damage);
}

Engine::Session::Session(Engine& engine) : engine_(engine), exceptions_(std::uncaught_exceptions()) {
  {
    const std::lock_guard lock(engine_.readers_mutex_);
    if (!engine_.readers_.empty()) {
      catalog_ = std::move(engine_.readers_.back());
      engine_.readers_.pop_back();
    }
  }
  if (!catalog_) catalog_ = std::make_unique<Catalog>(engine_.file_, true);
  constexpr int most_tries = 20;
  for (int tries = 1; !begin(); ++tries) {
    catalog_->database().execute("ROLLBACK");
    if (tries == most_tries)
      throw Error(Errc::io_error,
                  std::format("the index `{}` changes faster than it can be read", engine_.folder_.string()));
  }
}

/// False where the transaction is older than what others have seen, or a segment went away meanwhile.
bool Engine::Session::begin() {
  catalog_->database().execute("BEGIN");
  const auto state = engine_.effective(catalog_->state());
  const std::lock_guard lock(engine_.snapshot_mutex_);
  const auto* const known = engine_.snapshot_.get();
  if (known == nullptr || known->state.generation < state.generation) {
    auto fresh = take_snapshot(*catalog_, state, known, engine_.folder_);
    for (const auto& damage : fresh->damages) {
      // Was it deleted by a writer since our transaction began?
      if (Catalog(engine_.file_, true).state().layout != state.layout) return false;
      engine_.note(damage);
    }
    engine_.snapshot_ = std::move(fresh);
  } else if (known->state.generation > state.generation) {
    return false;
  }
  snapshot_ = engine_.snapshot_;
  return true;
}

Engine::Session::~Session() {
  // A statement that an exception left open would hold the next reader in the past.
  if (is_spoiled_ || std::uncaught_exceptions() != exceptions_) return;
  if (!attempt([&] { catalog_->database().execute("COMMIT"); })) return;
  const std::lock_guard lock(engine_.readers_mutex_);
  engine_.readers_.push_back(std::move(catalog_));
}

std::optional<Bitmap> Engine::Session::rows(const Filter& filter) {
  if (filter.is_everything()) return {};
  if (state().passages != 0) {
    std::set<std::string> known;
    for (const auto& [name, field] : snapshot().fields) known.insert(name);
    check_fields(filter, known);
  }
  return rows_that_meet(filter, catalog(), snapshot().fields,
                        [&]() -> const Bitmap& { return snapshot().live_rows(catalog()); });
}

std::optional<Passage> Engine::Session::passage(std::int64_t row) {
  auto found = attempt([&] { return catalog().passage(row); });
  if (!found) {
    is_spoiled_ = true;
    engine_.note(found.error().what());
    return {};
  }
  if (!*found) return {};
  return std::move((*found)->passage);
}

std::size_t Engine::count(const Filter& filter) {
  Session session(*this);
  const auto rows = session.rows(filter);
  return rows ? rows->count() : static_cast<std::size_t>(session.state().passages);
}

StoreInfo Engine::info() {
  const Session session(*this);
  const auto& state = session.state();
  StoreInfo info{.kind = "embedded",
                 .dimensions = static_cast<std::size_t>(state.dimensions),
                 .similarity = state.similarity,
                 .embedder = state.embedder,
                 .abilities = {.text_search = true, .knows_fields = true},
                 .passages = static_cast<std::size_t>(state.passages)};
  const std::lock_guard lock(damages_mutex_);
  info.damages.assign(damages_.begin(), damages_.end());
  return info;
}

}  // namespace dspy::embedded
