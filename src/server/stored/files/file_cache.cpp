#include "server/stored/files/file_cache.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <cstddef>
#include <filesystem>
#include <format>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {

JsonObject FileCache::one(const WorkspaceEntry& entry) {
  constexpr std::size_t most_known = 100'000;
  std::error_code code;
  const auto time = std::filesystem::last_write_time(entry.path, code);
  const auto size = code ? 0 : std::filesystem::file_size(entry.path, code);
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(entry.path);
    if (!code && found != known_.end() && found->second.time == time && found->second.size == size)
      return found->second.summary;
  }
  auto read = attempt([&] { return read_(entry); });
  if (!read) {
    log(LogLevel::warning, "server", std::format("`{}` cannot be shown: {}", entry.path.string(), read.error().what()));
    return {{"id", entry.id}, {"problem", "the file is damaged or of another kind; the server's log says more"}};
  }
  const std::lock_guard lock(mutex_);
  if (known_.size() >= most_known) known_.clear();
  if (!code) known_.insert_or_assign(entry.path, Known{.time = time, .size = size, .summary = *read});
  return *std::move(read);
}

std::vector<JsonObject> FileCache::all(const std::vector<WorkspaceEntry>& entries) {
  std::vector<JsonObject> out;
  out.reserve(entries.size());
  for (const auto& entry : entries) out.push_back(one(entry));
  return out;
}

}  // namespace dspy::server
