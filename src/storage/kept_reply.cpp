#include "storage/kept_reply.hpp"

#include "dspy/base/hash.hpp"

#include <chrono>
#include <format>
#include <string>

namespace dspy {
namespace {

CacheTime cache_time(std::int64_t milliseconds) noexcept {
  return CacheTime(std::chrono::milliseconds(milliseconds));
}

}  // namespace

storage::DatabaseOptions cache_file_options() {
  return {.migrations = {"CREATE TABLE replies ("
                         " key TEXT PRIMARY KEY, created INTEGER NOT NULL, expires INTEGER, model TEXT NOT NULL,"
                         " program TEXT NOT NULL, value BLOB NOT NULL, checksum INTEGER NOT NULL);"
                         "CREATE INDEX replies_by_time ON replies (created);"},
          .purpose = "cache",
          .replaces_damaged = true};
}

std::int64_t milliseconds(CacheTime time) noexcept {
  return time.time_since_epoch().count();
}

std::int64_t checksum(const CacheEntry& entry) {
  const auto times = std::format("{} {}", milliseconds(entry.created),
                                 entry.expires ? std::to_string(milliseconds(*entry.expires)) : "never");
  auto hash = hash_bytes(entry.key, 1);
  for (const std::string_view part : {std::string_view(times), std::string_view(entry.model),
                                      std::string_view(entry.program), std::string_view(entry.value)})
    hash = hash_bytes(part, hash);
  return static_cast<std::int64_t>(hash);
}

std::optional<CacheEntry> kept_entry(const storage::Statement& row) {
  CacheEntry entry{.key = std::string(row.bytes(0)),
                   .value = std::string(row.bytes(5)),
                   .created = cache_time(row.integer(1)),
                   .expires = {},
                   .model = std::string(row.bytes(3)),
                   .program = std::string(row.bytes(4))};
  if (const auto expires = row.optional_integer(2)) entry.expires = cache_time(*expires);
  if (checksum(entry) != row.integer(6)) return {};
  return entry;
}

}  // namespace dspy
