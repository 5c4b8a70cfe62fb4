// Records of cached replies, as a server keeps them: whatever comes back is the entry that was put, or nothing.

#include "storage/kept_record.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto entry = dspy::entry_of("key", text)) {
    const auto again = dspy::entry_of("key", dspy::to_record(*entry));
    if (!again || !(*again == *entry)) std::abort();
    if (dspy::entry_of("another key", text)) std::abort();
  }
  // A record with one byte changed is not taken for another entry.
  if (size == 0) return 0;
  const dspy::CacheEntry entry{.key = "key", .value = R"({"completions":[]})", .created = {}, .model = "m"};
  auto record = dspy::to_record(entry);
  record[data[0] % record.size()] = static_cast<char>(data[size - 1]);
  if (const auto changed = dspy::entry_of("key", record); changed && !(*changed == entry)) std::abort();
  return 0;
}
