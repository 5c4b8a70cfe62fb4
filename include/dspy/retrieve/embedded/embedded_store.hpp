#pragma once

#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

namespace embedded {
class Engine;
}

struct EmbeddedOptions : StoreOptions {
  /// Whether vectors are kept in numbers of 16 bits: half of the disk, and likeness to about three digits.  Counts when
  /// the index is made.
  bool half = false;

  // How it is searched and written; may change from one opening to the next.
  /// `compact` builds an approximate index over this many vectors or more; below it, a search looks at all.
  std::size_t graph_from = 50'000;
  /// Candidates a node of it chooses its neighbours from: more is better and slower to build.
  std::size_t build_breadth = 200;
  /// Candidates a search through it keeps: more is better and slower.
  std::size_t search_breadth = 128;
  /// Vectors that wait for a segment of their own.
  std::size_t flush_from = 4'096;
};

struct CompactOptions {
  /// Whether passages whose vectors are lost in a damaged segment are kept without them, instead of refused.
  bool give_up_damaged = false;
  std::stop_token stop = {};
};

struct IndexCheck {
  std::size_t passages = 0;
  std::size_t vectors = 0;
  /// One sentence each; empty: all is well.
  std::vector<std::string> problems = {};
  /// Passages that are damaged or have lost their vectors: write them again.
  std::vector<std::string> affected = {};
};

/// The default store: a folder with a SQLite file for passages, words and fields, and memory-mapped files of vectors
/// (docs/formats/index.md).  Filters are applied first and exactly.  One process may write while others read; each sees
/// the latest state.  A killed process loses only what it had not yet confirmed.
class EmbeddedStore final : public Store {
 public:
  /// Opens or makes it.  Throws `Error`: `io_error` for a folder that cannot be read or written and for a damaged one,
  /// `config_error` for one of a newer version, or made with other dimensions, similarity or embedder.
  explicit EmbeddedStore(std::string_view folder, EmbeddedOptions options = {});

  Async<void> upsert(std::vector<Passage> passages) override;
  Async<std::optional<std::size_t>> remove(std::vector<std::string> ids) override;
  Async<std::optional<std::size_t>> remove_where(Filter filter) override;
  Async<std::vector<Hit>> search(StoreQuery query) override;
  Async<std::size_t> count(Filter filter = {}) override;
  Async<ScanPage> scan(Filter filter = {}, std::string cursor = {}, std::size_t limit = 1'000,
                       bool with_vectors = false) override;
  Async<std::vector<Passage>> get(std::vector<std::string> ids) override;
  Async<StoreInfo> info() override;

  /// Merges all segments, without removed passages, and builds the approximate index if there are enough vectors.
  /// Searches continue meanwhile; writers wait.
  Async<void> compact(CompactOptions options = {});
  /// Reads everything and compares it with itself.
  Async<IndexCheck> check();
  /// The share of the `k` nearest that a search finds, for `samples` vectors of the index as queries: 1 where no
  /// approximate index is used.
  Async<double> recall_self_check(std::size_t samples = 100, std::size_t k = 10);

 private:
  std::shared_ptr<embedded::Engine> engine_;
};

}  // namespace dspy
