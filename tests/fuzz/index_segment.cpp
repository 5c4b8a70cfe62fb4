// A file of vectors with any content and the checksums that belong to it: it is refused, or searched without harm.

#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "retrieve/embedded/segment.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/embedded/vector_search.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace dspy::embedded;

std::uint64_t sum(std::span<const std::byte> bytes) {
  return dspy::hash_bytes(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

/// Makes the checksums right, where the header says that they are within the file.
void put_checksums(std::vector<std::byte>& bytes) {
  SegmentHeader header;
  if (bytes.size() < sizeof header) return;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.checksum = sum(std::span(bytes).first(offsetof(SegmentHeader, checksum)));
  std::memcpy(bytes.data(), &header, sizeof header);
  if (header.parts == 0 || header.parts > most_parts) return;
  const auto covered = static_cast<std::size_t>(header.places[header.parts - 1].offset);
  if (covered > bytes.size() || covered < sizeof header) return;
  for (std::size_t start = 0, at = covered; start < covered && at + 8 <= bytes.size(); start += block_size, at += 8) {
    const auto block = sum(std::span(bytes).subspan(start, std::min(block_size, covered - start)));
    std::memcpy(bytes.data() + at, &block, sizeof block);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const start = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(start, start + size);
  put_checksums(bytes);
  try {
    Snapshot snapshot;
    snapshot.segments = {{std::make_shared<const Segment>(bytes, "fuzz")}};
    const auto& segment = *snapshot.segments.front().segment;
    snapshot.state.dimensions = static_cast<std::int64_t>(segment.dimensions());
    snapshot.state.similarity = segment.similarity();
    const std::vector<float> vector(segment.dimensions(), 0.5F);
    for (const bool is_exact : {false, true}) {
      const VectorQuery query{.vector = vector, .k = 3, .is_exact = is_exact};
      const auto found = search_vectors(snapshot, query, {}, [](const std::string&) {});
      if (found.size() > 3 || (segment.damage() && !found.empty())) std::abort();
    }
  } catch (const dspy::Error&) {
    return 0;
  }
  return 0;
}
