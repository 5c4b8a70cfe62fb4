#pragma once

#include "retrieve/embedded/attributes.hpp"
#include "retrieve/embedded/bitmap.hpp"
#include "retrieve/embedded/catalog.hpp"
#include "retrieve/embedded/segment.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dspy::embedded {

/// A segment, and which of its vectors are no longer there.
struct LiveSegment {
  std::shared_ptr<const Segment> segment = {};
  Bitmap dead = {};  ///< By place.
  std::size_t dead_count = 0;
};

/// The rows of passages that are there; found out when somebody asks.
struct LiveRows {
  std::mutex mutex = {};
  std::optional<Bitmap> rows = {};
};

/// All that a search by vector needs, as of one generation.  Never changed once it is made.
struct Snapshot {
  State state = {};
  Fields fields = {};
  std::vector<LiveSegment> segments = {};
  Bitmap dead = {};  ///< Rows that are gone and may still be met in segments, postings and what is pending.
  std::int64_t last_dead = 0;
  std::vector<std::uint64_t> pending_rows = {};
  std::vector<float> pending = {};
  std::vector<std::string> damages = {};
  std::shared_ptr<LiveRows> live = std::make_shared<LiveRows>();

  const Bitmap& live_rows(Catalog& catalog) const;
};

/// What has changed since `before`, or everything where it was laid out anew (or `before` is null).  Within a
/// transaction of `catalog`.  Throws `Error` (`io_error`) where a segment cannot be opened because it is not there any
/// more: the transaction is too old.
std::shared_ptr<const Snapshot> take_snapshot(Catalog& catalog, const State& state, const Snapshot* before,
                                              const std::filesystem::path& folder);

}  // namespace dspy::embedded
