#include "dspy/base/file.hpp"

#include "dspy/base/error.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

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

TEST_CASE("What cannot be read says why") {
  const test::Folder folder;
  const auto path = folder.write("a", "12345");

  CHECK(message_of([&] { read_file(folder.path / "b", 10); }).contains("b`: No such file"));
  CHECK(message_of([&] { read_file(folder.path, 10); }).contains("Is a directory"));
  CHECK(message_of([&] { read_file(path, 4); }).contains("larger than the limit of 4 bytes"));
}
