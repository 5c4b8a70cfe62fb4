#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "retrieve/embedded/graph/graph.hpp"
#include "retrieve/embedded/graph/walk.hpp"
#include "retrieve/embedded/segment.hpp"
#include "retrieve/kernels/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

namespace dspy::embedded {
namespace {

class Builder {
 public:
  Builder(const CodedVectors& vectors, std::size_t breadth)
      : vectors_(vectors), breadth_(breadth), kernels_(vectors::kernels()), count_(vectors.scales.size()) {
    graph_.links.assign(count_ * (links_below + 1), 0);
    upper_.resize(count_);
    signed_.resize(vectors.stride);
  }

  BuiltGraph build(const std::stop_token& stop) {
    Random random(20'180'401);
    for (std::uint32_t node = 0; node < count_; ++node) {
      if (stop.stop_requested()) throw Error(Errc::cancelled, "the index was not built: the caller asked to stop");
      add(node, draw_level(random));
    }
    pack();
    return std::move(graph_);
  }

 private:
  static std::uint32_t draw_level(Random& random) {
    static const double slope = 1 / std::log(static_cast<double>(links_above));
    return static_cast<std::uint32_t>(std::min(-std::log(1 - random.uniform()) * slope, 20.0));
  }

  const std::uint8_t* codes(std::uint32_t node) const { return vectors_.codes.data() + node * vectors_.stride; }

  /// The node whose likeness to others is asked for next.
  void take(std::uint32_t node) {
    const auto* const from = codes(node);
    taken_sum_ = 0;
    for (std::size_t i = 0; i < vectors_.stride; ++i) {
      signed_[i] = static_cast<std::int8_t>(from[i] - vectors::code_zero);
      taken_sum_ += signed_[i];
    }
    taken_scale_ = vectors_.scales[node].scale;
  }
  float like(std::uint32_t node) const {
    const auto& scale = vectors_.scales[node];
    const auto sum = kernels_.dot_code(codes(node), signed_.data(), vectors_.stride) - vectors::code_zero * taken_sum_;
    return likeness(scale.scale * taken_scale_ * static_cast<float>(sum), scale, vectors_.similarity);
  }
  /// The same, comparable between pairs.
  float nearness(float like_taken, std::uint32_t taken) const {
    if (vectors_.similarity != Similarity::euclidean) return like_taken;
    const auto length = vectors_.scales[taken].length;
    return like_taken - length * length;
  }

  std::uint32_t* slot(std::uint32_t node, std::uint32_t level) {
    return level == 0 ? graph_.links.data() + node * (links_below + 1)
                      : upper_[node].data() + (level - 1) * (links_above + 1);
  }
  std::span<const std::uint32_t> links(std::uint32_t node, std::uint32_t level) {
    const auto* const at = slot(node, level);
    return {at + 1, *at};
  }
  static std::size_t most_links(std::uint32_t level) { return level == 0 ? links_below : links_above; }

  void add(std::uint32_t node, std::uint32_t level) {
    upper_[node].assign(level * (links_above + 1), 0);
    if (node == 0) {
      graph_.entry = 0;
      graph_.levels = level + 1;
      return;
    }
    take(node);
    std::vector<Near> at = {{like(graph_.entry), graph_.entry}};
    for (auto above = graph_.levels - 1; above > level; --above) at.front() = descend(at.front(), above);
    for (auto on = std::min(level, graph_.levels - 1) + 1; on-- > 0;) {
      met_.start(count_);
      auto near = walk(
          at, breadth_, met_, [&](std::uint32_t one) { return links(one, on); },
          [&](std::uint32_t one) { return like(one); },
          [&](std::uint32_t one) {
            for (std::size_t byte = 0; byte < vectors_.stride && byte < 512; byte += 64)
              __builtin_prefetch(codes(one) + byte);
          },
          [](std::uint32_t) { return true; });
      for (auto& [score, one] : near) score = nearness(score, node);
      connect(node, on, choose(near, links_above));
      take(node);
      at = std::move(near);
      for (auto& [score, one] : at) score = like(one);
    }
    if (level + 1 > graph_.levels) {
      graph_.entry = node;
      graph_.levels = level + 1;
    }
  }

  Near descend(Near at, std::uint32_t level) {
    for (bool is_moving = true; is_moving;) {
      is_moving = false;
      for (const auto next : links(at.second, level)) {
        if (const float found = like(next); found > at.first) {
          at = {found, next};
          is_moving = true;
        }
      }
    }
    return at;
  }

  /// Those that are nearer to the node than to one chosen before, so that links lead in different directions.
  std::vector<std::uint32_t> choose(std::span<const Near> candidates, std::size_t most) {
    std::vector<std::uint32_t> chosen;
    for (const auto& [score, candidate] : candidates) {
      if (chosen.size() == most) break;
      take(candidate);
      const auto hides = [&](std::uint32_t one) { return nearness(like(one), candidate) > score; };
      if (!std::ranges::any_of(chosen, hides)) chosen.push_back(candidate);
    }
    return chosen;
  }

  void connect(std::uint32_t node, std::uint32_t level, const std::vector<std::uint32_t>& chosen) {
    write(slot(node, level), chosen);
    for (const auto other : chosen) {
      auto* const at = slot(other, level);
      if (*at < most_links(level)) {
        at[++*at] = node;
        continue;
      }
      take(other);
      std::vector<Near> all = {{nearness(like(node), other), node}};
      for (const auto one : links(other, level)) all.emplace_back(nearness(like(one), other), one);
      std::ranges::sort(all, std::greater());
      write(at, choose(all, most_links(level)));
    }
  }

  static void write(std::uint32_t* at, const std::vector<std::uint32_t>& chosen) {
    *at = static_cast<std::uint32_t>(chosen.size());
    std::ranges::copy(chosen, at + 1);
  }

  void pack() {
    graph_.upper.assign(count_, 0);
    for (std::size_t node = 0; node < count_; ++node) {
      if (upper_[node].empty()) continue;
      graph_.upper[node] = static_cast<std::uint32_t>(graph_.upper.size());
      graph_.upper.push_back(static_cast<std::uint32_t>(upper_[node].size() / (links_above + 1)));
      graph_.upper.insert(graph_.upper.end(), upper_[node].begin(), upper_[node].end());
    }
  }

  const CodedVectors& vectors_;
  std::size_t breadth_;
  const vectors::Kernels& kernels_;
  std::size_t count_;
  BuiltGraph graph_;
  std::vector<std::vector<std::uint32_t>> upper_;
  std::vector<std::int8_t> signed_;
  std::int32_t taken_sum_ = 0;
  float taken_scale_ = 0;
  Met met_;
};

}  // namespace

BuiltGraph build_graph(const CodedVectors& vectors, std::size_t breadth, const std::stop_token& stop) {
  return Builder(vectors, breadth).build(stop);
}

}  // namespace dspy::embedded
