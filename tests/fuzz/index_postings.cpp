// A block of postings as an index's file may have it: what is read is written the same again.

#include "dspy/base/hash.hpp"
#include "retrieve/embedded/postings.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dspy::embedded;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // With the checksum that belongs to it: without, all but a few inputs would be turned away.
  const auto checksum = dspy::hash_bytes(text);
  std::string bytes(sizeof checksum, '\0');
  std::memcpy(bytes.data(), &checksum, sizeof checksum);
  bytes += text;
  std::vector<Posting> found;
  const auto keep = [&](const Posting& posting) { found.push_back(posting); };
  static_cast<void>(unpack_postings(text, keep));
  found.clear();
  if (!unpack_postings(bytes, keep)) {
    if (!found.empty()) std::abort();
    return 0;
  }
  auto again = found;
  found.clear();
  if (!unpack_postings(pack_postings(again), keep) || found != again) std::abort();
  return 0;
}
