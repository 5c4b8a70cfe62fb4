#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

namespace dspy::llama {

/// What the first bytes of a picture or a sound say, read before anything decodes it: a small file may unfold to many
/// gigabytes.
struct MediaHeader {
  enum class Format { png, jpeg, gif, bmp, wav, mp3, flac, pdf };

  Format format = Format::png;
  std::uint64_t width = 0;  ///< Of a picture, in pixels.
  std::uint64_t height = 0;
  double seconds = 0;  ///< Of a sound.

  bool is_picture() const noexcept { return format <= Format::bmp; }
  bool is_sound() const noexcept { return format >= Format::wav && format <= Format::flac; }
};

/// Reads any bytes.  What is wrong with them, as the end of a sentence that starts with what they are, where they are
/// none of these formats, or are cut short before their size is told.
std::expected<MediaHeader, std::string> read_media_header(std::span<const std::byte> file);

}  // namespace dspy::llama
