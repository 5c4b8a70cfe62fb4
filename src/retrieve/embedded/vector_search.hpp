#pragma once

#include "retrieve/embedded/bitmap.hpp"
#include "retrieve/embedded/snapshot.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy::embedded {

struct FoundVector {
  double likeness = 0;  ///< Larger is better: the product, or the squared distance with its sign changed.
  std::uint64_t row = 0;
  std::vector<float> vector = {};
};

struct VectorQuery {
  std::span<const float> vector;  ///< As long as the index's; of length 1 for cosine.
  std::size_t k = 10;
  bool is_exact = false;
  std::size_t breadth = 128;  ///< Of a walk through a graph.
  std::stop_token stop = {};
};

/// The nearest rows, best first, equal ones by row, with their likeness in full precision.  Only those in `wanted` are
/// looked at where it is given, and all of them.  `damaged` is told of segments that had to be left out.
std::vector<FoundVector> search_vectors(const Snapshot& snapshot, const VectorQuery& query,
                                        const std::optional<Bitmap>& wanted,
                                        const std::function<void(const std::string&)>& damaged);

/// The vector of a row, if it is in the snapshot and sound.
std::optional<std::vector<float>> vector_of(const Snapshot& snapshot, std::uint64_t row);

}  // namespace dspy::embedded
