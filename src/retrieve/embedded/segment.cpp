#include "retrieve/embedded/segment.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "retrieve/embedded/mapped_file.hpp"
#include "retrieve/kernels/kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <format>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::embedded {
namespace {

static_assert(std::endian::native == std::endian::little, "segments are read where they are: little-endian only");

constexpr std::uint32_t most_dimensions = 65'536;
constexpr std::uint32_t most_levels = 32;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(Errc::io_error, std::format("the segment `{}` {}", name, why));
}

std::string_view text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Segment::Segment(const std::filesystem::path& path) : file_(path), name_(path.filename().string()) {
  read_header(file_.bytes(), name_);
}

Segment::Segment(std::span<const std::byte> bytes, std::string name) : name_(std::move(name)) {
  read_header(bytes, name_);
}

std::size_t Segment::code_stride() const noexcept {
  return (dimensions() + vectors::code_step - 1) / vectors::code_step * vectors::code_step;
}

void Segment::read_header(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < sizeof header_) fail(name, "is cut off");
  std::memcpy(&header_, bytes.data(), sizeof header_);
  if (header_.magic != segment_magic) fail(name, "is not a file of vectors");
  if (header_.version > segment_version)
    throw Error(Errc::config_error,
                std::format("the segment `{}` was written by a newer version of the library (format {} instead of {}); "
                            "use that one",
                            name, header_.version, segment_version));
  if (header_.checksum != hash_bytes(text(bytes.first(offsetof(SegmentHeader, checksum)))))
    fail(name, "has a damaged header");
  if (header_.file_size != bytes.size()) fail(name, "is cut off, or longer than it was");
  if (header_.version == 0 || header_.is_half > 1 || header_.dimensions == 0 || header_.dimensions > most_dimensions ||
      header_.similarity > 2 || header_.parts > most_parts || header_.block_size != block_size ||
      header_.count > bytes.size() / sizeof(std::uint64_t) || header_.levels > most_levels)
    fail(name, "has a header that cannot be");
  bytes_ = bytes;
  const auto count = static_cast<std::size_t>(header_.count);
  rows_ = part<std::uint64_t>(bytes, Part::rows, count);
  const auto numbers = count * header_.dimensions;
  if (is_half()) {
    halves_ = part<std::uint16_t>(bytes, Part::vectors, numbers);
  } else {
    floats_ = part<float>(bytes, Part::vectors, numbers);
  }
  codes_ = part<std::uint8_t>(bytes, Part::codes, count * code_stride());
  scales_ = part<CodeScale>(bytes, Part::code_scales, count);
  links_ = part<std::uint32_t>(bytes, Part::links, count * (links_below + 1));
  upper_ = part<std::uint32_t>(bytes, Part::upper_links, static_cast<std::size_t>(-1));
  if (rows_.size() != count || (floats_.empty() && halves_.empty() && count != 0)) fail(name, "lacks its vectors");
  if (codes_.empty() != scales_.empty()) fail(name, "has codes without scales");
  if (has_graph() && (links_.empty() || codes_.empty() || header_.entry >= count || upper_.size() < count))
    fail(name, "has an incomplete graph");
  const auto& sums = header_.places[header_.parts == 0 ? 0 : header_.parts - 1];
  if (header_.parts == 0 || sums.part != 0) fail(name, "lacks its checksums");
  const auto covered = sums.offset;
  if (covered < sizeof header_ || covered % 8 != 0 || covered > bytes.size()) fail(name, "has misplaced checksums");
  const auto blocks = (covered + block_size - 1) / block_size;
  if (bytes.size() - covered != blocks * sizeof(std::uint64_t)) fail(name, "has misplaced checksums");
  checksums_ = {reinterpret_cast<const std::uint64_t*>(bytes.data() + covered), static_cast<std::size_t>(blocks)};
}

/// Empty where there is none.  `count` -1: as many as there are.
template <class T>
std::span<const T> Segment::part(std::span<const std::byte> bytes, Part which, std::size_t count) const {
  for (std::uint32_t i = 0; i < header_.parts; ++i) {
    const auto& place = header_.places[i];
    if (place.part != static_cast<std::uint32_t>(which)) continue;
    if (place.offset % 64 != 0 || place.offset > bytes.size() || place.size > bytes.size() - place.offset ||
        place.size % sizeof(T) != 0)
      fail(name_, "has a part outside of the file");
    const auto found = static_cast<std::size_t>(place.size) / sizeof(T);
    if (count != static_cast<std::size_t>(-1) && found != count) fail(name_, "has a part of a wrong size");
    return {reinterpret_cast<const T*>(bytes.data() + place.offset), found};
  }
  return {};
}

std::optional<std::size_t> Segment::place_of(std::uint64_t row) const noexcept {
  if (rows_.empty() || row < rows_.front() || row > rows_.back()) return {};
  const auto guess = static_cast<std::size_t>(row - rows_.front());  // rows are often without gaps
  if (guess < rows_.size() && rows_[guess] == row) return guess;
  const auto found = std::ranges::lower_bound(rows_, row);
  if (found == rows_.end() || *found != row) return {};
  return static_cast<std::size_t>(found - rows_.begin());
}

std::vector<float> Segment::vector(std::size_t at) const {
  if (!is_half()) return {floats(at), floats(at) + dimensions()};
  std::vector<float> out(dimensions());
  std::ranges::transform(std::span(halves(at), dimensions()), out.begin(), vectors::from_half);
  return out;
}

std::span<const std::uint32_t> Segment::links(std::size_t node) const noexcept {
  const auto* const slot = link_slot(node);
  return {slot + 1, *slot};
}

std::span<const std::uint32_t> Segment::upper_links(std::size_t node, std::uint32_t level) const noexcept {
  // First a word for each node: where its upper levels begin, 0 for none; there the number of levels, then a slot each.
  const auto start = upper_[node];
  if (start == 0 || upper_[start] < level) return {};
  const auto* const slot = upper_.data() + start + 1 + (level - 1) * (links_above + 1);
  return {slot + 1, *slot};
}

const std::optional<std::string>& Segment::damage() const {
  std::call_once(once_, [&] { damage_ = find_damage(); });
  return damage_;
}

std::optional<std::string> Segment::find_damage() const {
  const auto covered = bytes_.first(bytes_.size() - checksums_.size_bytes());
  for (std::size_t block = 0; block < checksums_.size(); ++block) {
    const auto start = block * block_size;
    if (hash_bytes(text(covered.subspan(start, std::min(block_size, covered.size() - start)))) != checksums_[block])
      return std::format("the segment `{}` is damaged between byte {} and {}", name_, start, start + block_size);
  }
  if (std::ranges::adjacent_find(rows_, std::ranges::greater_equal()) != rows_.end())
    return std::format("the segment `{}` has its rows in disorder", name_);
  const auto is_odd = [](const CodeScale& s) {
    return !std::isfinite(s.scale) || !std::isfinite(s.error) || !std::isfinite(s.length);
  };
  if (std::ranges::any_of(scales_, is_odd))
    return std::format("the segment `{}` has scales that are not numbers", name_);
  if (has_graph() && !has_sound_links()) return std::format("the segment `{}` has links that lead nowhere", name_);
  return {};
}

bool Segment::has_sound_links() const {
  const auto is_sound = [&](const std::uint32_t* slot, std::size_t most) {
    return *slot <= most && std::ranges::all_of(std::span(slot + 1, *slot), [&](auto node) { return node < size(); });
  };
  for (std::size_t node = 0; node < size(); ++node) {
    if (!is_sound(link_slot(node), links_below)) return false;
    const auto start = upper_[node];
    if (start == 0) continue;
    if (start < size() || start >= upper_.size() || upper_[start] >= levels() ||
        upper_.size() - start - 1 < std::size_t{upper_[start]} * (links_above + 1))
      return false;
    for (std::uint32_t level = 0; level < upper_[start]; ++level)
      if (!is_sound(upper_.data() + start + 1 + level * (links_above + 1), links_above)) return false;
  }
  return true;
}

}  // namespace dspy::embedded
