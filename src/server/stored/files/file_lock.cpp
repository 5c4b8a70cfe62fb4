#include "server/stored/files/file_lock.hpp"

#include "dspy/base/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <format>

namespace dspy::server {

FileLock::FileLock(const std::filesystem::path& path)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (file_ >= 0) {
    while (::flock(file_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      ::close(file_);
      file_ = -1;
      break;
    }
  }
  if (file_ < 0)
    throw Error(Errc::io_error, std::format("`{}` cannot be locked: {}; check the folder's permissions",
                                            path.filename().string(), std::strerror(errno)));
}

FileLock::~FileLock() {
  ::close(file_);
}

}  // namespace dspy::server
