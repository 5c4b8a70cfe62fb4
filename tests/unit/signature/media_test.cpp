#include "dspy/signature/media.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/reflect.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace dspy;

namespace {

void write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

Bytes bytes(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

}  // namespace

TEST_CASE("A medium is read from its path only when it is loaded") {
  const test::Folder folder;
  const auto path = (folder.path / "cat.PNG").string();
  const Image image{.path = path};
  CHECK(fit(type_of<Image>(), to_value(image)));  // there is no such file yet, and nobody looks

  write(path, "picture");
  CHECK(load(image) == Image{.data = bytes("picture"), .media_type = "image/png"});
  CHECK(load(Image{.path = path, .media_type = "image/x"}).media_type == "image/x");
}

TEST_CASE("Recordings and files take from the name what was not given") {
  const test::Folder folder;
  write(folder.path / "talk.wav", "sound");
  write(folder.path / "paper.pdf", "");
  write(folder.path / "plain", "x");

  CHECK(load(Audio{.path = (folder.path / "talk.wav").string()}) ==
        Audio{.data = bytes("sound"), .audio_format = "wav"});
  CHECK(load(Audio{.path = (folder.path / "plain").string()}).audio_format == std::nullopt);
  CHECK(load(File{.path = (folder.path / "paper.pdf").string()}) ==
        File{.data = Bytes(), .filename = "paper.pdf", .media_type = "application/pdf"});
  CHECK(load(File{.path = (folder.path / "plain").string(), .filename = "y"}) ==
        File{.data = bytes("x"), .filename = "y"});
}

TEST_CASE("A file is read to its end, whatever size its file system tells") {
  const auto loaded = load(File{.path = "/proc/self/status"});  // of size 0

  REQUIRE(loaded.data.has_value());
  CHECK(loaded.data->size() > 100);
}

TEST_CASE("What has no path stays as it is") {
  CHECK(load(Image{.url = "https://a.b/c.png"}) == Image{.url = "https://a.b/c.png"});
  CHECK(load(File{.file_id = "f1"}) == File{.file_id = "f1"});
}

TEST_CASE("A path that cannot be read is an error that names it") {
  const test::Folder folder;
  const auto absent = (folder.path / "absent.png").string();
  CHECK_THROWS_WITH_AS(load(Image{.path = absent}), ("there is no file `" + absent + "`; check its path").c_str(),
                       Error);
  const auto directory = folder.path.string();
  CHECK_THROWS_WITH_AS(load(File{.path = directory}), ("`" + directory + "` is not a regular file; name one").c_str(),
                       Error);
}
