#include "retrieve/embedded/vector_search.hpp"

#include "dspy/base/error.hpp"
#include "retrieve/embedded/codes.hpp"
#include "retrieve/embedded/graph/graph.hpp"
#include "retrieve/kernels/kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy::embedded {
namespace {

constexpr std::size_t rows_at_once = 128;

/// The best that were met.
class Best {
 public:
  explicit Best(std::size_t most) : most_(most) { heap_.reserve(most + 1); }

  /// What a newcomer must exceed.
  float bar() const noexcept {
    return heap_.size() < most_ ? -std::numeric_limits<float>::infinity() : heap_.front().first;
  }
  void add(float likeness, std::uint64_t row) {
    if (std::isnan(likeness) || (heap_.size() >= most_ && !(likeness > bar()))) return;
    heap_.emplace_back(likeness, row);
    std::ranges::push_heap(heap_, std::greater());
    if (heap_.size() <= most_) return;
    std::ranges::pop_heap(heap_, std::greater());
    heap_.pop_back();
  }
  const std::vector<std::pair<float, std::uint64_t>>& all() const noexcept { return heap_; }

 private:
  std::size_t most_;
  std::vector<std::pair<float, std::uint64_t>> heap_;
};

class Search {
 public:
  Search(const Snapshot& snapshot, const VectorQuery& query, const std::optional<Bitmap>& wanted)
      : snapshot_(snapshot),
        query_(query),
        wanted_(wanted),
        kernels_(vectors::kernels()),
        is_distance_(snapshot.state.similarity == Similarity::euclidean),
        // Some more than asked for: full precision may order them differently.
        best_(query.k + 16) {}

  void run(const std::function<void(const std::string&)>& damaged) {
    for (const auto& live : snapshot_.segments) {
      if (const auto& damage = live.segment->damage()) {
        damaged(*damage);
      } else {
        segment(live);
      }
    }
    pending();
  }

  std::vector<FoundVector> found() const {
    std::vector<FoundVector> out;
    for (const auto& [likeness, row] : best_.all()) {
      auto vector = vector_of(snapshot_, row);
      if (!vector) continue;
      double exact = 0;
      for (std::size_t i = 0; i < vector->size(); ++i) {
        const double x = (*vector)[i], q = query_.vector[i];
        exact += is_distance_ ? -(x - q) * (x - q) : x * q;
      }
      if (!std::isnan(exact)) out.push_back({exact, row, *std::move(vector)});
    }
    std::ranges::sort(out, [](const FoundVector& a, const FoundVector& b) {
      return a.likeness != b.likeness ? a.likeness > b.likeness : a.row < b.row;
    });
    if (out.size() > query_.k) out.resize(query_.k);
    return out;
  }

 private:
  void check_stop() const {
    if (query_.stop.stop_requested()) throw Error(Errc::cancelled, "the search was stopped by its caller");
  }

  bool is_wanted(const LiveSegment& live, std::size_t at) const {
    return !live.dead.has(at) && (!wanted_ || wanted_->has(static_cast<std::size_t>(live.segment->rows()[at])));
  }

  void segment(const LiveSegment& live) {
    const auto& segment = *live.segment;
    // Where most are dead, a walk meets little else.
    if (segment.has_graph() && !query_.is_exact && !wanted_ && live.dead_count * 3 < segment.size()) {
      graph(live);
    } else if (wanted_) {
      some(live);
    } else if (segment.has_codes() && !is_distance_) {
      by_codes(live);
    } else {
      everything(live);
    }
  }

  /// Likeness of `count` vectors that lie one behind the other.
  void compare(const Segment& segment, std::size_t at, std::size_t count, float* out) const {
    const auto size = segment.dimensions();
    const auto* const query = query_.vector.data();
    if (segment.is_half()) {
      (is_distance_ ? kernels_.distance_half : kernels_.dot_half)(segment.halves(at), count, size, query, out);
    } else {
      (is_distance_ ? kernels_.distance : kernels_.dot)(segment.floats(at), count, size, query, out);
    }
    if (is_distance_)
      for (std::size_t i = 0; i < count; ++i) out[i] = -out[i];
  }

  void take(const LiveSegment& live, std::size_t at) {
    float likeness = 0;
    compare(*live.segment, at, 1, &likeness);
    best_.add(likeness, live.segment->rows()[at]);
  }

  void everything(const LiveSegment& live) {
    const auto& segment = *live.segment;
    std::array<float, rows_at_once> scores;
    for (std::size_t start = 0; start < segment.size(); start += rows_at_once) {
      check_stop();
      const auto now = std::min(rows_at_once, segment.size() - start);
      compare(segment, start, now, scores.data());
      for (std::size_t i = 0; i < now; ++i)
        if (scores[i] > best_.bar() && is_wanted(live, start + i)) best_.add(scores[i], segment.rows()[start + i]);
    }
  }

  void some(const LiveSegment& live) {
    for (std::size_t at = 0; at < live.segment->size(); ++at)
      if (is_wanted(live, at)) take(live, at);
  }

  /// First all codes, which say between which bounds a likeness lies; then those vectors that may be among the best.
  void by_codes(const LiveSegment& live) {
    const auto& segment = *live.segment;
    const CodeQuery query(query_.vector, segment.code_stride());
    Best lowest(query_.k + 16);
    std::vector<std::pair<float, std::size_t>> maybe;  // the highest it can be, and where
    std::array<float, rows_at_once> scores;
    for (std::size_t start = 0; start < segment.size(); start += rows_at_once) {
      check_stop();
      const auto now = std::min(rows_at_once, segment.size() - start);
      query.products(segment.codes(start), &segment.code_scale(start), now, scores.data());
      for (std::size_t i = 0; i < now; ++i) {
        const auto at = start + i;
        const float error = query.error(segment.code_scale(at));
        if (scores[i] + error < lowest.bar() || !is_wanted(live, at)) continue;
        lowest.add(scores[i] - error, at);
        maybe.emplace_back(scores[i] + error, at);
      }
    }
    for (const auto& [highest, at] : maybe)
      if (highest >= lowest.bar() && highest >= best_.bar()) take(live, at);
  }

  void graph(const LiveSegment& live) {
    const auto& segment = *live.segment;
    const CodeQuery query(query_.vector, segment.code_stride());
    const auto breadth = std::max(query_.breadth, 2 * query_.k);
    check_stop();
    for (const auto& [likeness, at] : search_graph(segment, query, breadth, live.dead)) take(live, at);
  }

  void pending() {
    const auto size = static_cast<std::size_t>(snapshot_.state.dimensions);
    for (std::size_t i = 0; i < snapshot_.pending_rows.size(); ++i) {
      const auto row = snapshot_.pending_rows[i];
      if (snapshot_.dead.has(row) || (wanted_ && !wanted_->has(row))) continue;
      float likeness = 0;
      const auto* const vector = snapshot_.pending.data() + i * size;
      (is_distance_ ? kernels_.distance : kernels_.dot)(vector, 1, size, query_.vector.data(), &likeness);
      best_.add(is_distance_ ? -likeness : likeness, row);
    }
  }

  const Snapshot& snapshot_;
  const VectorQuery& query_;
  const std::optional<Bitmap>& wanted_;
  const vectors::Kernels& kernels_;
  bool is_distance_;
  Best best_;
};

}  // namespace

std::vector<FoundVector> search_vectors(const Snapshot& snapshot, const VectorQuery& query,
                                        const std::optional<Bitmap>& wanted,
                                        const std::function<void(const std::string&)>& damaged) {
  Search search(snapshot, query, wanted);
  search.run(damaged);
  return search.found();
}

std::optional<std::vector<float>> vector_of(const Snapshot& snapshot, std::uint64_t row) {
  for (const auto& live : snapshot.segments)
    if (const auto place = live.segment->place_of(row); place && !live.segment->damage())
      return live.segment->vector(*place);
  const auto found = std::ranges::lower_bound(snapshot.pending_rows, row);
  if (found == snapshot.pending_rows.end() || *found != row) return {};
  const auto size = snapshot.state.dimensions;
  const auto start = snapshot.pending.begin() + (found - snapshot.pending_rows.begin()) * size;
  return std::vector<float>(start, start + size);
}

}  // namespace dspy::embedded
