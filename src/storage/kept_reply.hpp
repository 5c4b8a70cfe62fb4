#pragma once

#include "dspy/lm/middleware/cache.hpp"
#include "dspy/storage/database.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

// A reply of the cache as a row of its table.

namespace dspy {

storage::DatabaseOptions cache_file_options();

constexpr std::string_view kept_columns = "key, created, expires, model, program, value, checksum";

std::int64_t milliseconds(CacheTime time) noexcept;
/// Of everything that is kept, so that no changed byte is taken for the reply.
std::int64_t checksum(const CacheEntry& entry);
/// The entry of a row of `kept_columns`; nothing if it was changed by somebody else than us.
std::optional<CacheEntry> kept_entry(const storage::Statement& row);

}  // namespace dspy
