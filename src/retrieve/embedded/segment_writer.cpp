#include "retrieve/embedded/segment_writer.hpp"

#include "dspy/base/file.hpp"
#include "dspy/base/hash.hpp"
#include "retrieve/embedded/codes.hpp"
#include "retrieve/embedded/graph/graph.hpp"
#include "retrieve/embedded/segment.hpp"
#include "retrieve/kernels/kernels.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::embedded {
namespace {

/// The file as it grows.
class Writer {
 public:
  explicit Writer(const SegmentContent& content) : out_(sizeof(SegmentHeader)) {
    header_.magic = segment_magic;
    header_.version = segment_version;
    header_.is_half = content.is_half ? 1 : 0;
    header_.dimensions = static_cast<std::uint32_t>(content.dimensions);
    header_.similarity = static_cast<std::uint32_t>(content.similarity);
    header_.count = content.rows.size();
    header_.block_size = static_cast<std::uint32_t>(block_size);
  }

  SegmentHeader& header() { return header_; }

  template <class T>
  void add(Part part, std::span<const T> items) {
    out_.resize((out_.size() + 63) / 64 * 64);
    place(static_cast<std::uint32_t>(part), items.size_bytes());
    const auto bytes = std::as_bytes(items);
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

  std::vector<std::byte> finish() {
    out_.resize((out_.size() + 7) / 8 * 8);
    const auto covered = out_.size();
    const auto blocks = (covered + block_size - 1) / block_size;
    place(0, blocks * sizeof(std::uint64_t));
    header_.file_size = covered + blocks * sizeof(std::uint64_t);
    header_.checksum = hash({reinterpret_cast<const std::byte*>(&header_), offsetof(SegmentHeader, checksum)});
    std::memcpy(out_.data(), &header_, sizeof header_);
    std::vector<std::uint64_t> sums;
    for (std::size_t start = 0; start < covered; start += block_size)
      sums.push_back(hash(std::span(out_).subspan(start, std::min(block_size, covered - start))));
    const auto bytes = std::as_bytes(std::span(sums));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return std::move(out_);
  }

 private:
  static std::uint64_t hash(std::span<const std::byte> bytes) {
    return hash_bytes(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  void place(std::uint32_t part, std::size_t size) {
    header_.places[header_.parts++] = {.part = part, .unused = 0, .offset = out_.size(), .size = size};
  }

  SegmentHeader header_ = {};
  std::vector<std::byte> out_;
};

}  // namespace

std::vector<std::byte> segment_bytes(const SegmentContent& content, const std::stop_token& stop) {
  Writer writer(content);
  writer.add<std::uint64_t>(Part::rows, content.rows);
  // Codes stand for what is kept.
  auto kept = std::span<const float>(content.vectors);
  std::vector<float> rounded;
  if (content.is_half) {
    std::vector<std::uint16_t> halves(kept.size());
    std::ranges::transform(kept, halves.begin(), vectors::to_half);
    writer.add<std::uint16_t>(Part::vectors, halves);
    rounded.resize(kept.size());
    std::ranges::transform(halves, rounded.begin(), vectors::from_half);
    kept = rounded;
  } else {
    writer.add<float>(Part::vectors, kept);
  }
  if (!content.has_codes && !content.has_graph) return writer.finish();
  const auto count = content.rows.size();
  const auto stride = (content.dimensions + vectors::code_step - 1) / vectors::code_step * vectors::code_step;
  std::vector<std::uint8_t> codes(count * stride);
  std::vector<CodeScale> scales(count);
  for (std::size_t i = 0; i < count; ++i)
    scales[i] = encode(kept.subspan(i * content.dimensions, content.dimensions), codes.data() + i * stride, stride);
  writer.add<std::uint8_t>(Part::codes, codes);
  writer.add<CodeScale>(Part::code_scales, scales);
  if (!content.has_graph || count == 0) return writer.finish();
  const auto graph = build_graph({codes, scales, stride, content.similarity}, content.breadth, stop);
  writer.header().entry = graph.entry;
  writer.header().levels = graph.levels;
  writer.add<std::uint32_t>(Part::links, graph.links);
  writer.add<std::uint32_t>(Part::upper_links, graph.upper);
  return writer.finish();
}

void write_segment(const std::filesystem::path& path, const SegmentContent& content, const std::stop_token& stop) {
  const auto bytes = segment_bytes(content, stop);
  replace_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace dspy::embedded
