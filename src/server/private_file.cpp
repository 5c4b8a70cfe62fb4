#include "server/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace dspy::server {
namespace {

namespace fs = std::filesystem;

constexpr ::mode_t others = S_IRWXG | S_IRWXO;

void make_folder(const fs::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return;
  if (folder.has_parent_path() && folder.parent_path() != folder) make_folder(folder.parent_path());
  ::mkdir(folder.c_str(), S_IRWXU);
}

void take_rights(const fs::path& file) {
  struct ::stat now = {};
  if (::stat(file.c_str(), &now) != 0 || !S_ISREG(now.st_mode) || now.st_uid != ::geteuid()) return;
  if ((now.st_mode & others) != 0) ::chmod(file.c_str(), now.st_mode & ~others & ALLPERMS);
}

}  // namespace

const fs::path& private_file(const fs::path& path) {
  make_folder(path.parent_path());
  // Only a file that is not there yet is opened: closing one would take SQLite's locks in this process away.
  if (const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR); file >= 0)
    ::close(file);
  for (const auto* const ending : {"", "-wal", "-shm"}) {
    auto beside = path;
    beside += ending;
    take_rights(beside);
  }
  return path;
}

}  // namespace dspy::server
