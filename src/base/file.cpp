#include "dspy/base/file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <format>
#include <system_error>
#include <utility>

namespace dspy {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string_view verb, const fs::path& path, int code, std::string_view remedy) {
  throw Error(Errc::io_error, std::format("cannot {} `{}`: {}; {}", verb, path.string(),
                                          std::generic_category().message(code), remedy));
}

/// An open file that is closed at the end of its scope.
class File {
 public:
  File(const fs::path& path, int flags, mode_t mode = 0) : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~File() { close(); }
  File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  File& operator=(File&&) = delete;

  explicit operator bool() const noexcept { return number_ >= 0; }
  int number() const noexcept { return number_; }

  /// False if earlier writes did not reach the disk.
  bool close() noexcept {
    const bool fine = number_ < 0 || ::close(number_) == 0;
    number_ = -1;
    return fine;
  }

 private:
  int number_;
};

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// The target of a path once its links are followed; it need not exist.
fs::path behind_links(fs::path path) {
  std::error_code code;
  for (int links = 0; fs::is_symlink(path, code); ++links) {
    if (links == 40) fail("write", path, ELOOP, "its links lead in a circle; write to another place");
    path = path.parent_path() / fs::read_symlink(path);
  }
  return path;
}

struct Part {
  File file;
  fs::path path;
};

/// A new file in the folder of `path`, under a name that no other call of this or another process
/// uses.  A killed process may have left one, and a later process may get the same number.
Part make_part(const fs::path& path) {
  static std::atomic<unsigned> calls = 0;
  for (;;) {
    auto name = path.parent_path() / std::format(".dspy-{}-{}.part", ::getpid(), calls++);
    File file(name, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file || errno != EEXIST) return {std::move(file), std::move(name)};
  }
}

}  // namespace

std::string read_file(const fs::path& path, std::uintmax_t max_bytes) {
  constexpr std::string_view remedy = "check the path and its permissions";
  const File file(path, O_RDONLY);
  if (!file) fail("read", path, errno, remedy);
  std::string out;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const auto count = ::read(file.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", path, errno, remedy);
    if (count == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(count));
    if (out.size() > max_bytes) {
      throw Error(Errc::io_error, std::format("`{}` is larger than the limit of {} bytes; is it the right file?",
                                              path.string(), max_bytes));
    }
  }
}

std::string read_text(const fs::path& path, std::uintmax_t max_bytes) {
  auto text = read_file(path, max_bytes);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    throw Error(Errc::io_error, std::format("`{}` is UTF-16; save it as UTF-8", path.string()));
  text.erase(0, text.size() - text::without_byte_order_mark(text).size());
  return text;
}

void replace_file(const fs::path& path, std::string_view bytes) {
  constexpr std::string_view remedy = "check the folder, its permissions and the free space";
  const auto target = behind_links(path);
  struct ::stat before = {};
  const bool exists = ::stat(target.c_str(), &before) == 0;
  if (exists && S_ISDIR(before.st_mode)) fail("write", path, EISDIR, "name a file in it");
  if (exists && !S_ISREG(before.st_mode)) {
    throw Error(Errc::io_error,
                std::format("cannot write `{}`: it is not a regular file; name another", path.string()));
  }

  auto part = make_part(target);
  auto& file = part.file;
  if (!file) fail("write", path, errno, remedy);
  const auto give_up = [&](int error) {
    ::unlink(part.path.c_str());
    fail("write", path, error, remedy);
  };
  if (exists && ::fchmod(file.number(), before.st_mode & 07777) != 0) give_up(errno);
  if (!write_all(file.number(), bytes) || ::fsync(file.number()) != 0 || !file.close()) give_up(errno);
  if (std::rename(part.path.c_str(), target.c_str()) != 0) give_up(errno);

  // The folder's own entry must reach the disk too; the file is complete even on a file system that cannot do this.
  const auto folder = target.parent_path();
  if (const File entry(folder.empty() ? fs::path(".") : folder, O_RDONLY | O_DIRECTORY); entry) ::fsync(entry.number());
}

}  // namespace dspy
