#pragma once

#include "dspy/base/async.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What makes two vectors alike.
enum class Similarity {
  cosine,     ///< Of the angle; vectors are kept at length 1.  The score is in [-1, 1].
  dot,        ///< The inner product.
  euclidean,  ///< The distance; the score is the distance with its sign changed.
};
std::string_view to_string(Similarity similarity) noexcept;
std::optional<Similarity> similarity(std::string_view name) noexcept;

struct StoreQuery {
  /// What to be near to; empty: search by text only.
  std::vector<float> vector = {};
  /// Words to look for (BM25); empty: search by vector only.  With both, the two orders are fused by reciprocal ranks.
  std::string text = {};
  std::size_t k = 10;
  Filter filter = {};
  /// Whether hits carry their vectors.
  bool with_vectors = false;
  /// Whether an approximate index is left aside, where the store can.
  bool exact = false;
  std::stop_token stop = {};
};

/// What a store can do beyond keeping and finding by vector.
struct StoreAbilities {
  bool text_search = false;
  bool filters = true;
  bool scan = true;
  /// Whether a filter on a field that no passage has is refused.
  bool knows_fields = false;
  /// Whether what is written is found by the next search; others need a moment.
  bool reads_own_writes = true;
};

struct StoreInfo {
  std::string kind = {};       ///< Such as `embedded` or `qdrant`.
  std::size_t dimensions = 0;  ///< 0: no vector yet.
  Similarity similarity = Similarity::cosine;
  std::string embedder = {};  ///< What its vectors were made with (`embedder_fingerprint`); empty: unknown.
  StoreAbilities abilities = {};
  /// Passages there are, where the store can tell without counting.
  std::optional<std::size_t> passages = {};
  /// What is wrong with it, and served without: one sentence each.
  std::vector<std::string> damages = {};
};

struct ScanPage {
  std::vector<Passage> passages = {};  ///< In the order of their ids, byte by byte.
  std::string next = {};               ///< The cursor of the next page; empty: last page.
};

/// Stores and finds passages.  Calls may be concurrent and come from any thread; results may be awaited after the store
/// is destroyed.  All throw `Error`: `invalid_parameter` for invalid data (a vector of the wrong length, with a NaN, of
/// length zero, a duplicate id in one call, metadata under a reserved name), `unsupported` for what the store cannot
/// express, `io_error` or `unavailable` for what is out of reach.  A call that throws because of its arguments has
/// changed nothing.
class Store {
 public:
  virtual ~Store() = default;

  /// Stores the passages, replacing those with the same ids; atomically if the store can.
  virtual Async<void> upsert(std::vector<Passage> passages) = 0;
  /// How many of them there were; a store that cannot tell says nothing.
  virtual Async<std::optional<std::size_t>> remove(std::vector<std::string> ids) = 0;
  virtual Async<std::optional<std::size_t>> remove_where(Filter filter) = 0;
  /// At most `k`, best first; equal ones by id.
  virtual Async<std::vector<Hit>> search(StoreQuery query) = 0;
  virtual Async<std::size_t> count(Filter filter = {}) = 0;
  /// A page of what meets the filter, from `cursor` (empty: the start).  With their vectors if asked for.
  virtual Async<ScanPage> scan(Filter filter = {}, std::string cursor = {}, std::size_t limit = 1'000,
                               bool with_vectors = false) = 0;
  /// In the order of `ids`, with their vectors; those that are not there are left out.
  virtual Async<std::vector<Passage>> get(std::vector<std::string> ids) = 0;
  virtual Async<StoreInfo> info() = 0;
};

struct StoreOptions {
  /// Floats of a vector; 0: as the first one has, or as the store says.
  std::size_t dimensions = 0;
  /// Unset: cosine for a new store, else as the store was made.
  std::optional<Similarity> similarity = {};
  /// What the vectors are made with.  A store that was made with another one is refused; empty: whatever it was.
  std::string embedder = {};
  bool is_read_only = false;
  /// Whether a store that is not there is made.
  bool create = true;
};

/// Opens a store by URI (`qdrant://host:6333/docs`, `memory:`), or the embedded one by a path (`docs.index`).  Throws
/// `Error`
/// (`config_error`) for a scheme that no part of the program has registered, or what the store's kind adds.
std::shared_ptr<Store> open_store(std::string_view uri_or_path, StoreOptions options = {});

/// Gets the whole URI as it was given, which may hold a password: no message may repeat it.
using StoreFactory = std::shared_ptr<Store> (*)(std::string_view uri, const StoreOptions& options);
/// Teaches `open_store` a scheme; the last registration wins.  Returns true, for use in an initialiser.
bool register_store_scheme(std::string_view scheme, StoreFactory factory);

/// Checks what any store refuses: ids that are blank or twice, text or names that are not UTF-8, names that are taken,
/// offsets that run backwards, vectors that are unlike each other or `dimensions` (0: as the first), hold what is no
/// number, or have length zero.  Throws `Error` (`invalid_parameter`) that names the passage.
void check_passages(const std::vector<Passage>& passages, std::size_t dimensions, Similarity similarity);
/// The same of a query; one with neither vector nor text, or with a `k` of 0, is refused too.
void check_query(const StoreQuery& query, std::size_t dimensions, Similarity similarity);

}  // namespace dspy
