#include "models/files.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::models {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_file(const fs::path& path, std::string_view what, int code) {
  throw Error(Errc::io_error,
              std::format("cannot {} `{}`: {}", what, path.string(), std::generic_category().message(code)));
}

void sync_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) refuse_file(folder, "open", errno);
  const int failed = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (failed != 0 && failed != EINVAL) refuse_file(folder, "flush", failed);
}

std::string gigabytes(std::uint64_t bytes) {
  return std::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

}  // namespace

bool is_file_name(std::string_view name) noexcept {
  return !name.empty() && !name.starts_with('.') && name != manifest_name && std::ranges::none_of(name, [](char byte) {
    return byte == '/' || byte == '\\' || static_cast<unsigned char>(byte) < 0x20;
  });
}

bool is_senses_file(std::string_view name) {
  return text::to_lower(name).contains("mmproj");
}

void remove_file(const fs::path& file) {
  std::error_code error;
  fs::remove(file, error);
  if (error) throw Error(Errc::io_error, std::format("cannot delete `{}`: {}", file.string(), error.message()));
}

void remove_unfinished(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(".part") || name.ends_with(".part.json")) found.push_back(entry.path());
  }
  for (const auto& file : found) remove_file(file);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(Errc::io_error, std::format("cannot make the folder `{}`: {}", folder.string(), error.message()));
}

void require_room(const fs::path& folder, std::uint64_t bytes) {
  constexpr std::uint64_t kept_free = std::uint64_t{64} << 20;
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error || space.available >= bytes + kept_free) return;
  throw Error(Errc::io_error,
              std::format("`{}` has {} free, but {} are needed; free some space, or name another folder (DSPY_MODELS)",
                          folder.string(), gigabytes(space.available), gigabytes(bytes + kept_free)));
}

void move_into_place(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error)
    throw Error(Errc::io_error,
                std::format("cannot move `{}` to `{}`: {}", from.string(), to.string(), error.message()));
  sync_folder(to.parent_path());
}

bool FolderLock::lock(const fs::path& folder, int how) {
  const auto path = folder / lock_name;
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) refuse_file(path, "open", errno);
  while (::flock(file_, how) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) refuse_file(path, "lock", errno);
  }
  return true;
}

FolderLock::FolderLock(const fs::path& folder) : FolderLock() {
  lock(folder, LOCK_EX);
}

std::unique_ptr<FolderLock> FolderLock::attempt(const fs::path& folder) {
  std::unique_ptr<FolderLock> out(new FolderLock);
  return out->lock(folder, LOCK_EX | LOCK_NB) ? std::move(out) : nullptr;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

struct Digest::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Digest::Digest() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1)
    throw Error(Errc::backend_error, "SHA-256 is not available; OpenSSL is not installed correctly");
}

Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::add(std::string_view bytes) {
  EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size());
}

std::string Digest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size);
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += std::format("{:02x}", digest[i]);
  return out;
}

GrowingFile::GrowingFile(fs::path path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) {
  if (file_ < 0) refuse("open");
  read_all();
}

GrowingFile::~GrowingFile() {
  ::close(file_);
}

void GrowingFile::refuse(std::string_view what) const {
  refuse_file(path_, what, errno);
}

void GrowingFile::read_all() {
  std::vector<char> buffer(std::size_t{1} << 20);
  for (;;) {
    const auto count = ::read(file_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse("read");
    if (count == 0) return;
    digest_.add({buffer.data(), static_cast<std::size_t>(count)});
    size_ += static_cast<std::uint64_t>(count);
  }
}

void GrowingFile::append(std::string_view bytes) {
  digest_.add(bytes);
  while (!bytes.empty()) {
    const auto count = ::write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse("write");
    size_ += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void GrowingFile::restart() {
  if (::ftruncate(file_, 0) != 0 || ::lseek(file_, 0, SEEK_SET) != 0) refuse("empty");
  size_ = 0;
  digest_ = Digest();
}

std::string GrowingFile::finish() {
  if (::fsync(file_) != 0) refuse("flush");
  return digest_.finish();
}

}  // namespace dspy::models
