#include "retrieve/embedded/codes.hpp"
#include "retrieve/embedded/graph/graph.hpp"
#include "retrieve/embedded/graph/walk.hpp"
#include "retrieve/embedded/segment.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dspy::embedded {

std::vector<Near> search_graph(const Segment& segment, const CodeQuery& query, std::size_t breadth,
                               const Bitmap& dead) {
  const auto similarity = segment.similarity();
  const auto like = [&](std::uint32_t node) {
    const auto& scale = segment.code_scale(node);
    return likeness(query.rough_product(segment.codes(node), scale), scale, similarity);
  };
  Near at = {like(segment.entry()), segment.entry()};
  for (auto level = segment.levels() - 1; level > 0; --level) {
    for (bool is_moving = true; is_moving;) {
      is_moving = false;
      for (const auto next : segment.upper_links(at.second, level)) {
        if (const float found = like(next); found > at.first) {
          at = {found, next};
          is_moving = true;
        }
      }
    }
  }
  thread_local Met met;
  met.start(segment.size());
  const auto stride = segment.code_stride();
  const auto fetch = [&](std::uint32_t node) {
    const auto* const codes = segment.codes(node);
    for (std::size_t byte = 0; byte < stride && byte < 512; byte += 64) __builtin_prefetch(codes + byte);
    __builtin_prefetch(&segment.code_scale(node));
  };
  return walk(
      std::array{at}, breadth, met, [&](std::uint32_t node) { return segment.links(node); }, like, fetch,
      [&](std::uint32_t node) { return !dead.has(node); });
}

}  // namespace dspy::embedded
