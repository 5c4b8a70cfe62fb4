#include "llama/media/media_header.hpp"

#include "support/pictures.hpp"

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {
namespace {

using Format = MediaHeader::Format;
using namespace std::string_literals;

std::expected<MediaHeader, std::string> header_of(std::string_view bytes) {
  return read_media_header(std::as_bytes(std::span(bytes)));
}

TEST_CASE("the size of a picture is read from the start of its file") {
  struct Case {
    std::string bytes;
    Format format;
    std::uint64_t width;
    std::uint64_t height;
  };
  const std::vector<Case> cases = {
      {"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\1\0\0\0\0\x20\b\2\0\0\0"s, Format::png, 256, 32},
      {"GIF89a\x0A\0\x05\1"s, Format::gif, 10, 261},
      {test::picture(7, 5, 1), Format::bmp, 7, 5},
      {"\xFF\xD8\xFF\xE0\0\4ab\xFF\xDB\0\3x\xFF\xFF\xC2\0\x0B\b\2\x58\3\x20\1\1\x11\0"s, Format::jpeg, 800, 600},
  };
  for (const auto& [bytes, format, width, height] : cases) {
    CAPTURE(static_cast<int>(format));
    const auto header = header_of(bytes);
    REQUIRE(header);
    CHECK(header->format == format);
    CHECK(header->is_picture());
    CHECK(header->width == width);
    CHECK(header->height == height);
  }
}

TEST_CASE("the length of a sound is read from its file") {
  const auto wav = header_of(test::sound(1.5, 440));
  REQUIRE(wav);
  CHECK(wav->is_sound());
  CHECK(wav->seconds == doctest::Approx(1.5));

  // 16 bits, two channels, 44,100 Hz, 88,200 samples.
  const auto flac =
      header_of("fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0A\xC4\x42\xF0\0\1\x58\x88"s + std::string(16, '\0'));
  REQUIRE(flac);
  CHECK(flac->seconds == doctest::Approx(2));

  // MPEG 1, layer III, 128 kbit/s, 44,100 Hz: 417 bytes a frame.
  std::string frame = "\xFF\xFB\x90\x00"s;
  frame.resize(417);
  std::string mp3 = "ID3\3\0\0\0\0\0\4abcd"s;
  for (int i = 0; i < 10; ++i) mp3 += frame;
  const auto layer = header_of(mp3);
  REQUIRE(layer);
  CHECK(layer->format == Format::mp3);
  CHECK(layer->seconds == doctest::Approx(10 * 1152 / 44100.0));
}

TEST_CASE("what is not a picture and no sound is refused with a reason, and so is one cut short") {
  CHECK(header_of("").error().starts_with("is not a picture"));
  CHECK(header_of("hello").error().starts_with("is not a picture"));
  CHECK(header_of("RIFF\1\2\3\4WEBPVP8 ").error().contains("convert it to PNG"));
  for (const auto& whole : {test::picture(3, 3, 1).substr(0, 26), test::sound(0.1, 440).substr(0, 44),
                            "\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\1\0\0\0\0\x20"s, "\xFF\xD8\xFF\xC0\0\x0B\b\0\1\0\1"s}) {
    REQUIRE(header_of(whole));
    for (std::size_t size = 2; size + 1 < whole.size(); ++size) {
      CAPTURE(size);
      const auto header = header_of(std::string_view(whole).substr(0, size));
      CHECK_FALSE(header);
    }
  }
}

}  // namespace
}  // namespace dspy::llama
