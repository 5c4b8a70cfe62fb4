#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace dspy::server {

/// What lists show of files, which are read again only when they have changed.  Thread-safe.
class FileCache {
 public:
  /// `read` may throw: then the list shows the file's id and why, as `problem`.
  explicit FileCache(std::function<JsonObject(const WorkspaceEntry& entry)> read) : read_(std::move(read)) {}

  std::vector<JsonObject> all(const std::vector<WorkspaceEntry>& entries);

 private:
  struct Known {
    std::filesystem::file_time_type time;
    std::uintmax_t size = 0;
    JsonObject summary;
  };

  JsonObject one(const WorkspaceEntry& entry);

  std::function<JsonObject(const WorkspaceEntry& entry)> read_;
  std::mutex mutex_;
  std::map<std::filesystem::path, Known> known_;
};

}  // namespace dspy::server
