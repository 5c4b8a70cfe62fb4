#include "llama/media/pdf_pages.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

constexpr auto longest = std::chrono::seconds(30);
constexpr std::uintmax_t most_page_bytes = std::uintmax_t{64} << 20;

/// A new folder that nobody else can read, gone with all in it at the end.
class Folder {
 public:
  Folder() {
    auto name = (fs::temp_directory_path() / "dspy-pages-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw Error(Errc::io_error, std::format("cannot make a folder for pages: {}; check TMPDIR",
                                              std::generic_category().message(errno)));
    path_ = name;
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Runs a program that reads and says nothing.  Its status, -1 if it was killed for taking too long; nothing if it is
/// not on PATH.
std::optional<int> run(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return std::nullopt;
  const auto end = std::chrono::steady_clock::now() + longest;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= end) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

bool has_pdf_pages() {
  const char* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  for (std::string_view rest = path != nullptr ? path : ""; !rest.empty();) {
    const auto end = std::min(rest.find(':'), rest.size());
    const fs::path folder(rest.substr(0, end));
    if (!folder.empty() && ::access((folder / "pdftoppm").c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::vector<std::string> pdf_pages(std::string_view pdf, const std::string& what, std::size_t most) {
  const Folder folder;
  const auto file = folder.path() / "file.pdf";
  replace_file(file, pdf);
  // One page more than may be, to know that there are too many.
  const auto status = run({"pdftoppm", "-png", "-scale-to", "1536", "-l", std::to_string(most + 1), file.string(),
                           (folder.path() / "page").string()});
  if (!status)
    throw Error(Errc::unsupported,
                std::format("{} is a PDF, and `pdftoppm` is not on PATH to make pictures of its pages; install "
                            "poppler-utils, or send pictures",
                            what),
                {.feature = "pdf"});
  if (*status == -1)
    throw Error(Errc::timeout,
                std::format("making pictures of the pages of {} took more than {}; send fewer pages", what, longest));
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  }
  if (*status != 0 || files.empty())
    throw Error(Errc::bad_input, std::format("{} is damaged, empty or locked: `pdftoppm` cannot read its pages", what));
  if (files.size() > most)
    throw Error(Errc::bad_input,
                std::format("{} has too many pages: {} pictures may still be sent with this request; send fewer, or "
                            "raise most_media",
                            what, most),
                {.max = most});
  std::ranges::sort(files);  // numbered with leading zeros
  std::vector<std::string> pages;
  for (const auto& page : files) pages.push_back(read_file(page, most_page_bytes));
  return pages;
}

}  // namespace dspy::llama
