#pragma once

#include "retrieve/embedded/bitmap.hpp"
#include "retrieve/embedded/codes.hpp"
#include "retrieve/embedded/segment.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

// A hierarchical navigable small world (Malkov and Yashunin 2018) over codes: 32 neighbours on the lowest level, 16
// above it, chosen by the paper's heuristic.

namespace dspy::embedded {

/// The graph as the segment's parts have it.
struct BuiltGraph {
  std::uint32_t entry = 0;
  std::uint32_t levels = 0;
  std::vector<std::uint32_t> links = {};
  std::vector<std::uint32_t> upper = {};
};

struct CodedVectors {
  std::span<const std::uint8_t> codes;
  std::span<const CodeScale> scales;
  std::size_t stride = 0;
  Similarity similarity = Similarity::cosine;
};

/// In one thread, the same for the same vectors.  `breadth`: how many candidates a node chooses its neighbours from.
BuiltGraph build_graph(const CodedVectors& vectors, std::size_t breadth, const std::stop_token& stop = {});

/// The nodes most like the query, about; those in `dead` are passed through and not returned.  As many as there are, up
/// to `breadth`, best first, with their likeness by codes.
std::vector<std::pair<float, std::uint32_t>> search_graph(const Segment& segment, const CodeQuery& query,
                                                          std::size_t breadth, const Bitmap& dead);

}  // namespace dspy::embedded
