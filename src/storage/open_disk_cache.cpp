#include "dspy/base/error.hpp"
#include "dspy/storage/disk_cache.hpp"
#include "dspy/storage/remote_cache.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <string>

namespace dspy {

std::shared_ptr<CacheStore> open_disk_cache(const std::string& directory) {
  if (is_remote_cache(directory)) return std::make_shared<RemoteCache>(directory);
  auto path = std::filesystem::path(directory);
  if (directory == "~" || directory.starts_with("~/")) {
    const char* const home = std::getenv("HOME");
    if (home == nullptr || *home == '\0')
      throw Error(Errc::config_error,
                  std::format("the folder `{}` begins with `~`, and HOME is not set; write it out", directory));
    path = std::filesystem::path(home) / directory.substr(std::min<std::size_t>(directory.size(), 2));
  }
  return std::make_shared<DiskCache>(path);
}

}  // namespace dspy
