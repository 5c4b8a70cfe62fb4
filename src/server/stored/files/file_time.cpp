#include "server/stored/files/file_time.hpp"

#include "dspy/server/iso_time.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>

namespace dspy::server {

std::string changed_at(const std::filesystem::path& path) {
  std::error_code code;
  const auto time = std::filesystem::last_write_time(path, code);
  if (code) return {};
  const auto wall = std::chrono::file_clock::to_sys(time);
  return iso_time(std::chrono::time_point_cast<std::chrono::system_clock::duration>(wall));
}

}  // namespace dspy::server
