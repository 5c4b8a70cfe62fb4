#include "adapters/writing/media_parts.hpp"

#include "dspy/base/base64.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

using Kind = Type::Kind;

bool is_medium(Kind kind) noexcept {
  return kind == Kind::image || kind == Kind::audio || kind == Kind::file;
}

/// The value as a part; nothing if it does not say where its content is.
std::optional<MediaPart> medium_of(Kind kind, const Json& value) {
  const auto* const members = value.if_object();
  if (members == nullptr) return std::nullopt;
  const auto text = [&](std::string_view name) {
    const auto* const found = members->if_contains(name);
    return found != nullptr && found->is_string() ? std::string(view(found->get_string())) : std::string();
  };
  MediaPart part{.kind = kind == Kind::image   ? MediaPart::Kind::image
                         : kind == Kind::audio ? MediaPart::Kind::audio
                                               : MediaPart::Kind::document};
  part.url = text("url");
  part.path = text("path");
  part.file_id = text("file_id");
  part.name = text("filename");
  part.media_type = text("media_type");
  if (const auto format = text("audio_format"); !format.empty()) part.media_type = "audio/" + format;
  if (const auto data = text("data"); !data.empty()) part.data = base64::decode(data);
  const int sources =
      (part.data ? 1 : 0) + (part.url.empty() ? 0 : 1) + (part.path.empty() ? 0 : 1) + (part.file_id.empty() ? 0 : 1);
  if (sources != 1) return std::nullopt;
  return part;
}

/// Puts marks in the place of media, and collects these.
class Marking {
 public:
  Marking(std::string_view mark, std::vector<MediaPart>& media) : mark_(mark), media_(media) {}

  void walk(const Type& type, Json& value) {
    if (value.is_null()) return;
    const auto& plain = type.required();
    if (is_medium(plain.kind)) return take(plain.kind, value);
    switch (plain.kind) {
      case Kind::list:
        if (auto* const items = value.if_array())
          for (auto& item : *items) walk(plain.arguments[0], item);
        break;
      case Kind::tuple:
        if (auto* const items = value.if_array())
          for (std::size_t i = 0; i < std::min(items->size(), plain.arguments.size()); ++i)
            walk(plain.arguments[i], (*items)[i]);
        break;
      case Kind::dict:
        if (auto* const members = value.if_object())
          for (auto& member : *members) walk(plain.arguments[1], member.value());
        break;
      case Kind::object:
        if (auto* const members = value.if_object())
          for (const auto& field : *plain.members)
            if (auto* const member = members->if_contains(field.name)) walk(field.type, *member);
        break;
      case Kind::union_:
        for (const auto& alternative : plain.arguments) {
          if (!fit(alternative, value)) continue;
          walk(alternative, value);
          break;
        }
        break;
      default: break;
    }
  }

 private:
  void take(Kind kind, Json& value) {
    auto medium = medium_of(kind, value);
    if (!medium) return;
    value = Json(std::format("{}{}{}", mark_, media_.size(), mark_));
    media_.push_back(*std::move(medium));
  }

  std::string_view mark_;
  std::vector<MediaPart>& media_;
};

/// The text split at the marks; nothing if it contains a mark without a medium, or the same one twice.
std::optional<std::vector<Part>> cut(std::string_view text, std::string_view mark, std::vector<MediaPart>& media) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < media.size(); ++i) {
    const auto whole = std::format("{}{}{}", mark, i, mark);
    const auto at = text.find(mark);
    if (at == std::string_view::npos || !text.substr(at).starts_with(whole)) return std::nullopt;
    auto before = text.substr(0, at);
    text.remove_prefix(at + whole.size());
    if (before.ends_with('"') && text.starts_with('"')) {  // a text in JSON
      before.remove_suffix(1);
      text.remove_prefix(1);
    }
    if (!before.empty()) parts.emplace_back(TextPart{std::string(before)});
    parts.emplace_back(std::move(media[i]));
  }
  if (text.contains(mark)) return std::nullopt;
  if (!text.empty()) parts.emplace_back(TextPart{std::string(text)});
  return parts;
}

}  // namespace

bool holds_media(const Type& type) {
  return is_medium(type.kind) || std::ranges::any_of(type.arguments, holds_media) ||
         std::ranges::any_of(*type.members, [](const Field& member) { return holds_media(member.type); });
}

std::vector<Part> parts_with_media(const JsonObject& data, const std::vector<Field>& fields,
                                   const std::function<std::string(const JsonObject& data)>& write) {
  for (int attempt = 0;; ++attempt) {  // until a mark is found that the texts themselves do not have
    const auto mark = std::format("@medium{}@", attempt);
    std::vector<MediaPart> media;
    auto marked = data;
    for (const auto& field : fields) {
      if (auto* const value = marked.if_contains(field.name)) Marking(mark, media).walk(field.type, *value);
    }
    if (auto parts = cut(write(marked), mark, media)) return *std::move(parts);
  }
}

}  // namespace dspy
