#pragma once

#include "dspy/lm/middleware/cache.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// An entry as one text, for stores that keep texts: JSON with its checksum.
std::string to_record(const CacheEntry& entry);
/// Nothing if it is damaged or of another key.
std::optional<CacheEntry> entry_of(std::string_view key, std::string_view record);

}  // namespace dspy
