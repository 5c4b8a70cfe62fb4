#include "dspy/lm/part.hpp"

#include <utility>

namespace dspy {
namespace {

/// What `Image`, `Audio` and `File` have in common.
template <class Media>
MediaPart part_of(MediaPart::Kind kind, const Media& media) {
  MediaPart part{.kind = kind, .data = media.data};
  part.url = media.url.value_or("");
  part.path = media.path.value_or("");
  return part;
}

}  // namespace

std::string_view to_string(MediaPart::Kind kind) noexcept {
  switch (kind) {
    case MediaPart::Kind::image: return "image";
    case MediaPart::Kind::audio: return "audio";
    case MediaPart::Kind::video: return "video";
    case MediaPart::Kind::document: return "document";
    case MediaPart::Kind::binary: return "binary";
  }
  std::unreachable();
}

MediaPart to_part(const Image& image) {
  auto part = part_of(MediaPart::Kind::image, image);
  part.media_type = image.media_type.value_or("");
  return part;
}

MediaPart to_part(const Audio& audio) {
  auto part = part_of(MediaPart::Kind::audio, audio);
  if (audio.audio_format) part.media_type = "audio/" + *audio.audio_format;
  return part;
}

MediaPart to_part(const File& file) {
  auto part = part_of(MediaPart::Kind::document, file);
  part.file_id = file.file_id.value_or("");
  part.name = file.filename.value_or("");
  part.media_type = file.media_type.value_or("");
  return part;
}

MediaPart to_part(const Document& document) {
  const auto* const start = reinterpret_cast<const std::byte*>(document.data.data());
  return {.kind = MediaPart::Kind::document,
          .data = Bytes(start, start + document.data.size()),
          .media_type = document.media_type.value_or("text/plain"),
          .title = document.title.value_or(""),
          .context = document.context.value_or("")};
}

}  // namespace dspy
