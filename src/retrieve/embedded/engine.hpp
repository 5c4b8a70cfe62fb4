#pragma once

#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/embedded/attributes.hpp"
#include "retrieve/embedded/bitmap.hpp"
#include "retrieve/embedded/catalog.hpp"
#include "retrieve/embedded/postings.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/embedded/writer_lock.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dspy::embedded {

/// The embedded store, for callers who wait.  Thread-safe.  Reads go through connections of their own, each in one
/// transaction, so that what is found by vector, by words and by fields is of one generation; writes go through one.
class Engine {
 public:
  Engine(std::filesystem::path folder, EmbeddedOptions options);

  std::vector<Hit> search(const StoreQuery& query);
  std::size_t count(const Filter& filter);
  ScanPage scan(const Filter& filter, const std::string& cursor, std::size_t limit, bool with_vectors);
  std::vector<Passage> get(const std::vector<std::string>& ids);
  StoreInfo info();
  double recall(std::size_t samples, std::size_t k);
  IndexCheck check();

  void upsert(std::vector<Passage> passages);
  std::size_t remove(const std::vector<std::string>& ids);
  std::size_t remove_where(const Filter& filter);
  void compact(const CompactOptions& options);

 private:
  /// A connection within a transaction, and the snapshot of the same generation.
  class Session {
   public:
    explicit Session(Engine& engine);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Catalog& catalog() noexcept { return *catalog_; }
    const Snapshot& snapshot() const noexcept { return *snapshot_; }
    const State& state() const noexcept { return snapshot_->state; }
    /// Nothing where everything is wanted.
    std::optional<Bitmap> rows(const Filter& filter);
    /// A damaged passage is noted and left out.
    std::optional<Passage> passage(std::int64_t row);

   private:
    bool begin();

    Engine& engine_;
    std::unique_ptr<Catalog> catalog_;
    std::shared_ptr<const Snapshot> snapshot_;
    int exceptions_;
    bool is_spoiled_ = false;
  };

  /// What a transaction writes into.
  struct Change;

  void open_or_make();
  State effective(State state) const;
  void refuse_others(const State& state) const;
  void note(const std::string& damage);
  std::vector<Hit> by_vector(Session& session, const StoreQuery& query, std::size_t k,
                             const std::optional<Bitmap>& wanted);
  std::vector<Hit> by_text(Session& session, const StoreQuery& query, std::size_t k,
                           const std::optional<Bitmap>& wanted);

  Catalog& writer();
  void remove_orphans(Catalog& catalog);
  void insert(Change& change, Passage passage);
  void erase(Change& change, std::int64_t row);
  void flush();
  /// The segments from `first` on and what is pending become one; with `everything`, words and fields are written anew
  /// too.
  void rewrite(const Snapshot& snapshot, std::size_t first, bool everything, const CompactOptions& options);
  void give_up_lost(Catalog& catalog, const std::vector<std::uint64_t>& rows, bool is_allowed);

  const std::filesystem::path folder_, file_;
  const EmbeddedOptions options_;

  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Catalog>> readers_;
  std::mutex snapshot_mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::mutex damages_mutex_;
  std::set<std::string> damages_;

  std::mutex writer_mutex_;
  std::optional<WriterLock> lock_;
  std::unique_ptr<Catalog> writer_;
  std::size_t pending_ = 0;  ///< Vectors that are in no segment.
};

}  // namespace dspy::embedded
