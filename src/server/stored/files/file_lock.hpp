#pragma once

#include <filesystem>

namespace dspy::server {

/// Holds a file's lock (`flock`) against other threads and processes, and waits for it.
class FileLock {
 public:
  /// Throws `Error` (`io_error`).
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int file_;
};

}  // namespace dspy::server
