#include "llama/media/media_header.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <string_view>
#include <utility>

namespace dspy::llama {
namespace {

using Format = MediaHeader::Format;
using Result = std::expected<MediaHeader, std::string>;

/// Bytes whose end is never passed: what is not there reads as 0, and `ok` is false from then on.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }
  bool ok() const { return ok_; }

  unsigned at(std::size_t place) const {
    if (place >= bytes_.size()) {
      ok_ = false;
      return 0;
    }
    return std::to_integer<unsigned>(bytes_[place]);
  }
  std::uint64_t big(std::size_t place, std::size_t count) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | at(place + i);
    return value;
  }
  std::uint64_t little(std::size_t place, std::size_t count) const {
    std::uint64_t value = 0;
    for (std::size_t i = count; i-- > 0;) value = value << 8 | at(place + i);
    return value;
  }
  bool says(std::size_t place, std::string_view text) const {
    if (place > bytes_.size() || text.size() > bytes_.size() - place) return false;
    return std::ranges::equal(text, bytes_.subspan(place, text.size()), {},
                              [](char letter) { return static_cast<std::byte>(letter); });
  }

 private:
  std::span<const std::byte> bytes_;
  mutable bool ok_ = true;
};

Result short_file(std::string_view kind) {
  return std::unexpected(std::format("is a {} file that is cut short or damaged", kind));
}

Result picture(Format format, std::uint64_t width, std::uint64_t height, const Bytes& bytes, std::string_view kind) {
  if (!bytes.ok() || width == 0 || height == 0) return short_file(kind);
  return MediaHeader{.format = format, .width = width, .height = height};
}

Result bmp(const Bytes& bytes) {
  const auto header = bytes.little(14, 4);
  if (header == 12) return picture(Format::bmp, bytes.little(18, 2), bytes.little(20, 2), bytes, "BMP");
  // Signed: a negative height is one from the top.
  const auto extent = [&](std::size_t place) {
    const auto value = static_cast<std::int32_t>(static_cast<std::uint32_t>(bytes.little(place, 4)));
    return static_cast<std::uint64_t>(value < 0 ? -std::int64_t{value} : std::int64_t{value});
  };
  return picture(Format::bmp, extent(18), extent(22), bytes, "BMP");
}

/// From marker to marker, to the one that starts a frame (ITU T.81, B.2.2).
Result jpeg(const Bytes& bytes) {
  std::size_t place = 2;
  while (bytes.ok() && place < bytes.size()) {
    if (bytes.at(place) != 0xFF) return short_file("JPEG");
    const auto marker = bytes.at(place + 1);
    if (marker == 0xFF) {  // fill
      ++place;
      continue;
    }
    const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame) return picture(Format::jpeg, bytes.big(place + 7, 2), bytes.big(place + 5, 2), bytes, "JPEG");
    if (marker == 0xD9 || marker == 0xDA) break;  // the end, or a scan
    const auto length = bytes.big(place + 2, 2);
    if (length < 2) break;
    place += 2 + static_cast<std::size_t>(length);
  }
  return short_file("JPEG");
}

/// From chunk to chunk, to the samples.
Result wav(const Bytes& bytes) {
  std::uint64_t rate = 0;
  for (std::size_t place = 12; bytes.ok() && place + 8 <= bytes.size();) {
    const auto length = bytes.little(place + 4, 4);
    if (bytes.says(place, "fmt ")) rate = bytes.little(place + 16, 4);  // bytes for a second
    if (bytes.says(place, "data")) {
      if (rate == 0) break;
      const auto held = std::min<std::uint64_t>(length, bytes.size() - place - 8);
      return MediaHeader{.format = Format::wav, .seconds = static_cast<double>(held) / static_cast<double>(rate)};
    }
    if (length > bytes.size()) break;
    place += 8 + static_cast<std::size_t>(length + (length & 1));
  }
  return short_file("WAV");
}

/// The block STREAMINFO, which comes first (RFC 9639, 8.2).
Result flac(const Bytes& bytes) {
  const auto rate = bytes.big(18, 3) >> 4;
  const auto samples = bytes.big(21, 5) & 0xFFFFFFFFFU;
  if (!bytes.ok() || (bytes.at(4) & 0x7F) != 0 || rate == 0) return short_file("FLAC");
  if (samples == 0) return std::unexpected("is a FLAC file that does not say how long it is; convert it to WAV");
  return MediaHeader{.format = Format::flac, .seconds = static_cast<double>(samples) / static_cast<double>(rate)};
}

/// From frame to frame, each of which says its own length (ISO 11172-3, 2.4.2.3); layer III.
Result mp3(const Bytes& bytes) {
  constexpr std::array<unsigned, 15> rates_1 = {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320};
  constexpr std::array<unsigned, 15> rates_2 = {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160};
  constexpr std::array<unsigned, 3> samplings = {44100, 48000, 32000};
  std::size_t place = 0;
  if (bytes.says(0, "ID3")) {
    std::size_t length = 0;
    for (std::size_t i = 6; i < 10; ++i) length = length << 7 | (bytes.at(i) & 0x7F);
    place = 10 + length;
  }
  double seconds = 0;
  while (place + 4 <= bytes.size()) {
    if (bytes.at(place) != 0xFF || (bytes.at(place + 1) & 0xE0) != 0xE0) {
      if (seconds > 0) break;  // what comes after the sound
      ++place;
      continue;
    }
    const auto version = bytes.at(place + 1) >> 3 & 3;  // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    const auto layer = bytes.at(place + 1) >> 1 & 3;
    const auto rate = bytes.at(place + 2) >> 4;
    const auto sampling = bytes.at(place + 2) >> 2 & 3;
    if (version == 1 || layer != 1 || rate == 0 || rate == 15 || sampling == 3) {
      ++place;
      continue;
    }
    const auto bits = 1000 * (version == 3 ? rates_1 : rates_2)[rate];
    const auto frequency = samplings[sampling] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
    const unsigned samples = version == 3 ? 1152 : 576;
    seconds += static_cast<double>(samples) / frequency;
    place += std::max<std::size_t>(4, samples / 8 * bits / frequency + (bytes.at(place + 2) >> 1 & 1));
  }
  if (seconds == 0) return short_file("MP3");
  return MediaHeader{.format = Format::mp3, .seconds = seconds};
}

}  // namespace

Result read_media_header(std::span<const std::byte> file) {
  const Bytes bytes(file);
  if (bytes.says(0, "\x89PNG\r\n\x1A\n")) return picture(Format::png, bytes.big(16, 4), bytes.big(20, 4), bytes, "PNG");
  if (bytes.says(0, "GIF87a") || bytes.says(0, "GIF89a"))
    return picture(Format::gif, bytes.little(6, 2), bytes.little(8, 2), bytes, "GIF");
  if (bytes.says(0, "\xFF\xD8\xFF")) return jpeg(bytes);
  if (bytes.says(0, "RIFF") && bytes.says(8, "WAVE")) return wav(bytes);
  if (bytes.says(0, "RIFF") && bytes.says(8, "WEBP"))
    return std::unexpected("is a WebP picture, which local models do not read; convert it to PNG or JPEG");
  if (bytes.says(0, "fLaC")) return flac(bytes);
  if (bytes.says(0, "%PDF-")) return MediaHeader{.format = Format::pdf};
  if (bytes.says(0, "BM")) return bmp(bytes);
  if (bytes.says(0, "ID3") || (bytes.size() >= 2 && bytes.at(0) == 0xFF && (bytes.at(1) & 0xE0) == 0xE0))
    return mp3(bytes);
  return std::unexpected("is not a picture (PNG, JPEG, GIF, BMP), no sound (WAV, MP3, FLAC) and no PDF");
}

}  // namespace dspy::llama
