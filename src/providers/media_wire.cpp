#include "providers/media_wire.hpp"

#include "dspy/base/base64.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/media.hpp"

#include <array>
#include <format>
#include <utility>

namespace dspy::providers {
namespace {

using Kind = MediaPart::Kind;

/// The media type that the first bytes show.
std::string_view type_of(std::string_view bytes) noexcept {
  if (bytes.starts_with("\x89PNG")) return "image/png";
  if (bytes.starts_with("\xFF\xD8\xFF")) return "image/jpeg";
  if (bytes.starts_with("GIF8")) return "image/gif";
  if (bytes.starts_with("%PDF-")) return "application/pdf";
  const bool is_riff = bytes.starts_with("RIFF") && bytes.size() >= 12;
  if (is_riff && bytes.substr(8, 4) == "WEBP") return "image/webp";
  if (is_riff && bytes.substr(8, 4) == "WAVE") return "audio/wav";
  if (bytes.starts_with("ID3") || bytes.starts_with("\xFF\xFB")) return "audio/mpeg";
  if (bytes.starts_with("OggS")) return "audio/ogg";
  if (bytes.starts_with("fLaC")) return "audio/flac";
  return {};
}

std::string_view view_of(const MediaPart& media) noexcept {
  return {reinterpret_cast<const char*>(media.data->data()), media.data->size()};
}

}  // namespace

std::string Place::text(std::string_view member) const {
  return std::format("messages[{}].parts[{}]{}{}", message, part, member.empty() ? "" : ".", member);
}

void unsupported_part(const Place& place, const Dialect& dialect, std::string_view what, std::string_view remedy) {
  throw Error(Errc::unsupported,
              std::format("message {} has {}, which {} does not take there; {}", place.message + 1, what, dialect.title,
                          remedy),
              {.provider = std::string(dialect.name), .feature = place.text()});
}

MediaPart loaded(MediaPart media) {
  if (!media.path.empty()) {
    auto file = load(File{.path = media.path});
    media.data = std::move(file.data);
    media.path.clear();
    if (media.media_type.empty()) media.media_type = file.media_type.value_or("");
    if (media.name.empty()) media.name = file.filename.value_or("");
  }
  if (media.data && media.media_type.empty()) media.media_type = type_of(view_of(media));
  return media;
}

std::string base64_of(const MediaPart& media) {
  return base64::encode(*media.data);
}

std::string data_url(const MediaPart& media) {
  return std::format("data:{};base64,{}", media.media_type.empty() ? "application/octet-stream" : media.media_type,
                     base64_of(media));
}

std::string_view audio_format(const MediaPart& media) {
  static constexpr auto known = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"audio/wav", "wav"},
      {"audio/x-wav", "wav"},
      {"audio/wave", "wav"},
      {"audio/mpeg", "mp3"},
      {"audio/mp3", "mp3"},
      {"audio/flac", "flac"},
      {"audio/ogg", "ogg"},
      {"audio/aac", "aac"},
      {"audio/m4a", "m4a"},
  });
  for (const auto& [type, name] : known)
    if (text::equals_ignoring_case(media.media_type, type)) return name;
  return {};
}

std::string document_text(const MediaPart& media) {
  const bool is_text = media.data && media.media_type.starts_with("text/") && !text::invalid_utf8(view_of(media));
  if (media.kind != Kind::document || !is_text) return {};
  std::string out;
  if (!media.title.empty()) out += media.title + "\n\n";
  if (!media.context.empty()) out += media.context + "\n\n";
  return out += view_of(media);
}

std::string only_texts(const std::vector<Part>& parts, const Place& place, const Dialect& dialect) {
  std::string out;
  for (const auto& part : parts) {
    if (const auto* const text = part.get<TextPart>()) {
      out += text->text;
    } else if (const auto* const data = part.get<DataPart>()) {
      append_text(out, data->value);
    } else {
      unsupported_part(place, dialect, "a part that is not text", "write its content as text");
    }
  }
  return out;
}

}  // namespace dspy::providers
