#pragma once

#include <filesystem>
#include <utility>

namespace dspy::embedded {

/// Held by the one who writes an index; the system lets go of it when the process ends, however it ends.
class WriterLock {
 public:
  /// Throws `Error` (`io_error`) where somebody else has it, with that process's number.
  explicit WriterLock(const std::filesystem::path& path);
  WriterLock(WriterLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  WriterLock& operator=(WriterLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~WriterLock();

 private:
  int file_ = -1;
};

}  // namespace dspy::embedded
