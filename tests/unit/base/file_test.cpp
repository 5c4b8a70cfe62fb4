#include "dspy/base/file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "support/child.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <format>
#include <thread>
#include <vector>

using namespace dspy;
namespace fs = std::filesystem;

namespace {

template <class F>
std::string message_of(F&& work) {
  const auto result = attempt(work);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::io_error);
  return result.error().what();
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// How many unfinished files lie there, as a process leaves them that is killed.
long unfinished(const fs::path& folder) {
  return std::ranges::count_if(fs::directory_iterator(folder),
                               [](const auto& entry) { return entry.path().extension() == ".part"; });
}

/// No file of this process may become longer, as if the disk were full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const ::rlimit lowered = {.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &lowered) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*signal_)(int);
  ::rlimit before_ = {};
};

}  // namespace

TEST_CASE("A file is replaced whole, and nothing else is left in its folder") {
  const test::Folder folder;

  replace_file(folder.path / "a.json", "first");
  replace_file(folder.path / "a.json", "second");

  CHECK(folder.read("a.json") == "second");
  CHECK(read_file(folder.path / "a.json", 6) == "second");
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("Replacing a file keeps its permissions, and a link stays a link") {
  const test::Folder folder;
  const auto target = folder.write("real.json", "old");
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("real.json", folder.path / "link.json");

  replace_file(folder.path / "link.json", "new");

  CHECK(fs::is_symlink(folder.path / "link.json"));
  CHECK(folder.read("real.json") == "new");
  CHECK(fs::status(target).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("What cannot be written leaves the old file and no rest") {
  const test::Folder folder;
  fs::create_directory(folder.path / "sub");

  CHECK(message_of([&] { replace_file(folder.path / "absent" / "a", "x"); }).contains("absent/a`: No such file"));
  CHECK(message_of([&] { replace_file(folder.path / "sub", "x"); }).contains("name a file in it"));

  CHECK(entries(folder.path) == 1);
  CHECK(entries(folder.path / "sub") == 0);
}

TEST_CASE("Writers at the same time leave one of their texts, never a mixture") {
  const test::Folder folder;
  const auto path = folder.path / "shared";
  {
    std::vector<std::jthread> writers;
    for (const char letter : {'a', 'b', 'c', 'd'}) {
      writers.emplace_back([letter, &path] {
        for (int i = 0; i < 20; ++i) replace_file(path, std::string(50'000, letter));
      });
    }
  }
  const auto text = folder.read("shared");
  CHECK(text == std::string(50'000, text.at(0)));
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("A process killed while it writes leaves the old file or the new one, whole") {
  const test::Folder folder;
  const auto path = folder.path / "a";
  constexpr std::size_t size = 1 << 18;
  replace_file(path, std::string(size, 'a'));

  char letter = 'a';
  const auto write_next = [&] {
    letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1);
    replace_file(path, std::string(size, letter));
  };
  std::size_t strays = 0;
  test::kill_at_random_moments(100, write_next, [&] {
    const auto text = folder.read("a");
    REQUIRE(text.size() == size);
    REQUIRE(std::ranges::count(text, text.front()) == size);
    strays += entries(folder.path) - 1 - static_cast<std::size_t>(unfinished(folder.path));
  });

  CHECK(strays == 0);
  CHECK(unfinished(folder.path) > 0);  // else nobody was killed in the middle
  replace_file(path, "new");
  CHECK(folder.read("a") == "new");
}

TEST_CASE("An unfinished file that a killed process of the same number left is in nobody's way") {
  const test::Folder folder;
  for (int number = 0; number < 1'000; ++number)
    folder.write(std::format(".dspy-{}-{}.part", ::getpid(), number), "rest");

  replace_file(folder.path / "a", "new");

  CHECK(folder.read("a") == "new");
  CHECK(unfinished(folder.path) == 1'000);
}

TEST_CASE("On a disk that is full the old file stays, and no rest") {
  const test::Folder folder;
  const auto path = folder.write("a", "old");

  for (const std::size_t size : {4'097U, 100'000U, 5'000'000U}) {
    const FileSizeLimit limit(4'096);
    CHECK(message_of([&] {
            replace_file(path, std::string(size, 'x'));
          }).contains("a`: File too large; check the folder"));
    CHECK(message_of([&] { replace_file(folder.path / "b", std::string(size, 'x')); }).contains("b`: File too large"));
  }

  CHECK(folder.read("a") == "old");
  CHECK(entries(folder.path) == 1);
  replace_file(path, std::string(5'000'000, 'x'));
  CHECK(fs::file_size(path) == 5'000'000);
}

TEST_CASE("Where the folder vanishes at any moment, a file is written whole or the reason is said") {
  const test::Folder folder;
  const auto inner = folder.path / "inner";
  const std::string text(50'000, 'x');
  int written = 0;
  int refused = 0;
  {
    std::jthread remover([&](const std::stop_token& stop) {
      for (int round = 0; !stop.stop_requested(); ++round) {
        std::error_code ignored;
        fs::create_directory(inner, ignored);
        std::this_thread::sleep_for(std::chrono::microseconds(200 * (round % 64)));
        fs::rename(inner, folder.path / "gone", ignored);
        fs::remove_all(folder.path / "gone", ignored);
      }
    });
    for (int i = 0; i < 1'000'000 && (i < 300 || written == 0 || refused == 0); ++i) {
      if (const auto result = attempt([&] { replace_file(inner / "a", text); }); result) {
        ++written;
      } else {
        ++refused;
        CHECK(result.error().code() == Errc::io_error);
        CHECK(std::string_view(result.error().what()).contains("No such file"));
      }
    }
  }
  CHECK(written > 0);
  CHECK(refused > 0);
  if (fs::exists(inner / "a")) CHECK(fs::file_size(inner / "a") == text.size());
}

TEST_CASE("Names of any length, links to nothing yet, links in a circle, and what is not a regular file") {
  const test::Folder folder;
  const std::string long_name(255, 'n');
  fs::create_symlink("later.json", folder.path / "link.json");
  fs::create_symlink("round", folder.path / "round");
  REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);

  replace_file(folder.path / long_name, "long");
  replace_file(folder.path / "link.json", "new");

  CHECK(folder.read(long_name) == "long");
  CHECK(fs::is_symlink(folder.path / "link.json"));
  CHECK(folder.read("later.json") == "new");
  CHECK(message_of([&] { replace_file(folder.path / "round", "x"); }).contains("links lead in a circle"));
  CHECK(message_of([&] { replace_file(folder.path / "pipe", "x"); }).contains("pipe`: it is not a regular file"));
  CHECK(fs::is_fifo(folder.path / "pipe"));
}

TEST_CASE("What cannot be read says why") {
  const test::Folder folder;
  const auto path = folder.write("a", "12345");

  CHECK(message_of([&] { read_file(folder.path / "b", 10); }).contains("b`: No such file"));
  CHECK(message_of([&] { read_file(folder.path, 10); }).contains("Is a directory"));
  CHECK(message_of([&] { read_file(path, 4); }).contains("larger than the limit of 4 bytes"));
}

TEST_CASE("A text is read without its byte order mark, and UTF-16 is refused by name") {
  const test::Folder folder;
  replace_file(folder.path / "a.txt", "\xEF\xBB\xBFq -> a");
  replace_file(folder.path / "b.txt", "q -> a");
  replace_file(folder.path / "c.txt", std::string_view("\xFF\xFEq\0", 4));

  CHECK(read_text(folder.path / "a.txt", 100) == "q -> a");
  CHECK(read_text(folder.path / "b.txt", 100) == "q -> a");
  CHECK_THROWS_WITH_AS(read_text(folder.path / "c.txt", 100), doctest::Contains("is UTF-16; save it as UTF-8"), Error);
  CHECK(text::without_byte_order_mark("") == "");
}
