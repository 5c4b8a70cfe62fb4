#include "retrieve/embedded/writer_lock.hpp"

#include "dspy/base/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <format>
#include <string>
#include <system_error>

namespace dspy::embedded {
namespace {

std::string holder(int file) {
  std::array<char, 16> number = {};
  const auto size = ::pread(file, number.data(), number.size(), 0);
  return size > 0 ? std::format("process {}", std::string(number.data(), static_cast<std::size_t>(size)))
                  : std::string("somebody else");
}

}  // namespace

WriterLock::WriterLock(const std::filesystem::path& path)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (file_ < 0)
    throw Error(Errc::io_error, std::format("the index cannot be written: `{}`: {}; name a folder that can be written",
                                            path.string(), std::generic_category().message(errno)));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const auto who = holder(file_);
    ::close(file_);
    throw Error(Errc::io_error, std::format("the index `{}` is being written by {}; close it there first, or only read",
                                            path.parent_path().string(), who));
  }
  const auto number = std::to_string(::getpid());
  if (::ftruncate(file_, 0) == 0 && ::pwrite(file_, number.data(), number.size(), 0) < 0) {
    // The number is for messages only.
  }
}

WriterLock::~WriterLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace dspy::embedded
