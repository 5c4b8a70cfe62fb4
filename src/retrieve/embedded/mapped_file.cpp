#include "retrieve/embedded/mapped_file.hpp"

#include "dspy/base/error.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <format>
#include <system_error>
#include <utility>

namespace dspy::embedded {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int code) {
  throw Error(Errc::io_error,
              std::format("the segment `{}` cannot be read: {}", path.string(), std::generic_category().message(code)));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path, errno);
  struct stat about = {};
  int code = ::fstat(file, &about) == 0 ? 0 : errno;
  const auto size = static_cast<std::size_t>(about.st_size);
  if (code == 0 && size != 0) {
    void* const start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (start == MAP_FAILED) {
      code = errno;
    } else {
      bytes_ = {static_cast<const std::byte*>(start), size};
    }
  }
  ::close(file);
  if (code != 0) fail(path, code);
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace dspy::embedded
