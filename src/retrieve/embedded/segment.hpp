#pragma once

#include "dspy/retrieve/store.hpp"
#include "retrieve/embedded/mapped_file.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

// A file of vectors, written once and read where it is.  docs/formats/index.md has the layout.

namespace dspy::embedded {

inline constexpr std::uint32_t segment_version = 1;
inline constexpr std::size_t block_size = std::size_t{1} << 20;

enum class Part : std::uint32_t { rows = 1, vectors = 2, codes = 3, code_scales = 4, links = 5, upper_links = 6 };
inline constexpr std::size_t most_parts = 7;  ///< With the checksums, which have the number 0.

struct PartPlace {
  std::uint32_t part;
  std::uint32_t unused;
  std::uint64_t offset;
  std::uint64_t size;
};

struct SegmentHeader {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t is_half;  ///< Vectors are numbers of 16 bits.
  std::uint32_t dimensions;
  std::uint32_t similarity;
  std::uint64_t count;
  std::uint64_t file_size;
  std::uint32_t parts;
  std::uint32_t block_size;
  std::uint32_t entry;   ///< The graph's first node.
  std::uint32_t levels;  ///< Of the graph; 0: there is none.
  std::array<PartPlace, most_parts> places;
  std::array<std::uint64_t, 3> unused;
  std::uint64_t checksum;  ///< Of what stands before.
};
static_assert(sizeof(SegmentHeader) == 256);

inline constexpr std::array<char, 8> segment_magic = {'d', 's', 'p', 'y', '-', 'v', 'e', 'c'};

/// What a vector's codes stand for: `scale * (code - 128)`.
struct CodeScale {
  float scale;
  float error;   ///< At least the length of what the codes miss.
  float length;  ///< At least the length of what they stand for.
};

/// A node's neighbours on one level: `count`, then as many numbers of nodes.
inline constexpr std::size_t links_below = 32;
inline constexpr std::size_t links_above = 16;

/// One segment.  Thread-safe.
class Segment {
 public:
  /// Looks at the header alone.  Throws `Error`: `io_error` for what is not a segment or a damaged one, `config_error`
  /// for one of a newer version.
  explicit Segment(const std::filesystem::path& path);
  /// The same of bytes that outlive the segment.
  Segment(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const noexcept { return name_; }
  std::size_t size() const noexcept { return header_.count; }
  std::size_t dimensions() const noexcept { return header_.dimensions; }
  Similarity similarity() const noexcept { return static_cast<Similarity>(header_.similarity); }
  bool is_half() const noexcept { return header_.is_half != 0; }
  bool has_codes() const noexcept { return !codes_.empty(); }
  bool has_graph() const noexcept { return header_.levels != 0; }
  std::size_t code_stride() const noexcept;

  /// Ascending.
  std::span<const std::uint64_t> rows() const noexcept { return rows_; }
  std::optional<std::size_t> place_of(std::uint64_t row) const noexcept;
  const float* floats(std::size_t at) const noexcept { return floats_.data() + at * dimensions(); }
  const std::uint16_t* halves(std::size_t at) const noexcept { return halves_.data() + at * dimensions(); }
  std::vector<float> vector(std::size_t at) const;
  const std::uint8_t* codes(std::size_t at) const noexcept { return codes_.data() + at * code_stride(); }
  const CodeScale& code_scale(std::size_t at) const noexcept { return scales_[at]; }

  // The graph.
  std::uint32_t entry() const noexcept { return header_.entry; }
  std::uint32_t levels() const noexcept { return header_.levels; }
  std::span<const std::uint32_t> links(std::size_t node) const noexcept;
  /// On level 1 and above; empty where the node is not on it.
  std::span<const std::uint32_t> upper_links(std::size_t node, std::uint32_t level) const noexcept;
  const std::uint32_t* link_slot(std::size_t node) const noexcept { return links_.data() + node * (links_below + 1); }

  /// Reads everything once and compares checksums; later calls return the same at once.  What is wrong, if anything is:
  /// such a segment must not be searched.
  const std::optional<std::string>& damage() const;

 private:
  void read_header(std::span<const std::byte> bytes, const std::string& name);
  template <class T>
  std::span<const T> part(std::span<const std::byte> bytes, Part which, std::size_t count) const;
  std::optional<std::string> find_damage() const;
  bool has_sound_links() const;

  MappedFile file_;
  std::string name_;
  std::span<const std::byte> bytes_;
  SegmentHeader header_ = {};
  std::span<const std::uint64_t> rows_;
  std::span<const float> floats_;
  std::span<const std::uint16_t> halves_;
  std::span<const std::uint8_t> codes_;
  std::span<const CodeScale> scales_;
  std::span<const std::uint32_t> links_, upper_;
  std::span<const std::uint64_t> checksums_;
  mutable std::once_flag once_;
  mutable std::optional<std::string> damage_;
};

}  // namespace dspy::embedded
