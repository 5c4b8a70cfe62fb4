#pragma once

#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

namespace dspy::embedded {

/// What a new segment gets.  Rows ascend; vectors lie one behind the other.
struct SegmentContent {
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
  bool is_half = false;
  bool has_codes = true;
  bool has_graph = false;
  std::size_t breadth = 200;  ///< Of the graph's building.
  std::vector<std::uint64_t> rows = {};
  std::vector<float> vectors = {};
};

/// The bytes of a segment.
std::vector<std::byte> segment_bytes(const SegmentContent& content, const std::stop_token& stop = {});

/// Writes it so that it is whole on the disk before this returns.  Throws `Error` (`io_error`).
void write_segment(const std::filesystem::path& path, const SegmentContent& content, const std::stop_token& stop = {});

}  // namespace dspy::embedded
