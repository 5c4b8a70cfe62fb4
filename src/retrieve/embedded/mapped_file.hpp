#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace dspy::embedded {

/// A file's bytes, read where they are when they are looked at.  The file may be deleted meanwhile.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws `Error` (`io_error`) that names the path.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace dspy::embedded
