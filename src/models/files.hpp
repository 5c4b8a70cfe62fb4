#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

// Files of the folder that models are kept in.

namespace dspy::models {

inline constexpr std::string_view manifest_name = "model.json";
inline constexpr std::string_view lock_name = ".lock";

/// Whether a name stays within a folder.
bool is_file_name(std::string_view name) noexcept;
/// Whether a name is that of the image or audio part of a model.
bool is_senses_file(std::string_view name);
/// Throws `Error` (`io_error`); a file that is not there is fine.
void remove_file(const std::filesystem::path& file);
void remove_unfinished(const std::filesystem::path& folder);
/// Makes a folder and those around it.  Throws `Error` (`io_error`).
void make_folder(const std::filesystem::path& folder);
/// Throws `Error` (`io_error`) with both sizes where the disk has no room for so many bytes more.
void require_room(const std::filesystem::path& folder, std::uint64_t bytes);
/// Moves a file over another, so that it is there after a power cut.  Throws `Error` (`io_error`).
void move_into_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// Holds a folder for one process and one thread; others wait until it is free.
class FolderLock {
 public:
  /// Waits until the folder is free.  Throws `Error` (`io_error`).
  explicit FolderLock(const std::filesystem::path& folder);
  /// The lock, or null while somebody else has it.  Throws `Error` (`io_error`).
  static std::unique_ptr<FolderLock> attempt(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  FolderLock() = default;
  bool lock(const std::filesystem::path& folder, int how);

  int file_ = -1;
};

/// SHA-256 of bytes as they come.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void add(std::string_view bytes);
  /// 64 lower-case hexadecimal digits; nothing may be added then.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A file that grows, with the digest of all that is in it.
class GrowingFile {
 public:
  /// Opens or makes it, and reads what is there.  Throws `Error` (`io_error`).
  explicit GrowingFile(std::filesystem::path path);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  std::uint64_t size() const noexcept { return size_; }
  /// Throws `Error` (`io_error`), as where the disk is full.
  void append(std::string_view bytes);
  void restart();
  /// On the disk for good; the digest of all of it.
  std::string finish();

 private:
  [[noreturn]] void refuse(std::string_view what) const;
  void read_all();

  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  Digest digest_;
};

}  // namespace dspy::models
