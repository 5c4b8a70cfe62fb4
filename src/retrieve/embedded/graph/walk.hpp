#pragma once

#include "dspy/retrieve/store.hpp"
#include "retrieve/embedded/segment.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

// The walk through a graph that building and searching share.

namespace dspy::embedded {

using Near = std::pair<float, std::uint32_t>;  ///< Likeness and node.

/// From the product of two vectors; the query's own length is the same for all and left out.
inline float likeness(float product, const CodeScale& scale, Similarity similarity) noexcept {
  return similarity == Similarity::euclidean ? 2 * product - scale.length * scale.length : product;
}

/// Which nodes were met; cleared by counting up.
class Met {
 public:
  void start(std::size_t nodes) {
    if (marks_.size() < nodes) marks_.assign(nodes, 0);
    if (++now_ == 0) {
      std::ranges::fill(marks_, 0);
      now_ = 1;
    }
  }
  bool add(std::uint32_t node) noexcept {
    if (marks_[node] == now_) return false;
    marks_[node] = now_;
    return true;
  }
  const void* place(std::uint32_t node) const noexcept { return &marks_[node]; }

 private:
  std::vector<std::uint16_t> marks_;
  std::uint16_t now_ = 0;
};

/// The best `breadth` that are reached from `starts` and wanted, best first.  `links(node)` are a node's neighbours,
/// `like(node)` its likeness, `fetch(node)` asks for its memory early, `wants(node)` says whether it may be returned.
template <class Links, class Like, class Fetch, class Wants>
std::vector<Near> walk(std::span<const Near> starts, std::size_t breadth, Met& met, Links links, Like like, Fetch fetch,
                       Wants wants) {
  std::vector<Near> open(starts.begin(), starts.end()), best;
  for (const auto& [score, node] : starts) {
    met.add(node);
    if (wants(node)) best.emplace_back(score, node);
  }
  std::ranges::make_heap(open);
  std::ranges::make_heap(best, std::greater());
  std::vector<std::uint32_t> fresh;
  while (!open.empty()) {
    std::ranges::pop_heap(open);
    const auto [score, node] = open.back();
    open.pop_back();
    if (best.size() >= breadth && score < best.front().first) break;
    fresh.clear();
    for (const auto next : links(node)) {
      if (!met.add(next)) continue;
      fresh.push_back(next);
      fetch(next);
    }
    for (const auto next : fresh) {
      const float found = like(next);
      if (best.size() >= breadth && !(found > best.front().first)) continue;
      open.emplace_back(found, next);
      std::ranges::push_heap(open);
      if (!wants(next)) continue;
      best.emplace_back(found, next);
      std::ranges::push_heap(best, std::greater());
      if (best.size() <= breadth) continue;
      std::ranges::pop_heap(best, std::greater());
      best.pop_back();
    }
  }
  std::ranges::sort(best, std::greater());
  return best;
}

}  // namespace dspy::embedded
