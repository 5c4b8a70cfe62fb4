#include "llama/media/media_prompt.hpp"

#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "llama/media/pdf_pages.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <span>
#include <string_view>

namespace dspy::llama {
namespace {

/// A mark's beginning: a code point that is not a character, and nothing that a message says.
std::string unused_mark(const Chat& chat) {
  for (int number = 0;; ++number) {
    auto mark = std::format("\uFDD0{}:", number);
    const bool is_used = std::ranges::any_of(chat, [&](const Message& message) {
      return std::ranges::any_of(message.parts, [&](const Part& part) {
        const auto* const text = part.get<TextPart>();
        return text != nullptr && text->text.contains(mark);
      });
    });
    if (!is_used) return mark;
  }
}

/// The bytes of a medium that is here; nothing on the network is fetched.
std::string bytes_of(const MediaPart& part, const std::string& what, std::uint64_t most) {
  if (part.data) return {reinterpret_cast<const char*>(part.data->data()), part.data->size()};
  if (!part.path.empty()) return read_file(part.path, most);
  if (part.url.starts_with("data:")) {
    const auto comma = part.url.find(',');
    if (comma != std::string::npos && std::string_view(part.url).substr(0, comma).ends_with(";base64")) {
      if (const auto bytes = base64::decode(std::string_view(part.url).substr(comma + 1)))
        return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
    }
    throw Error(Errc::bad_input,
                std::format("{} has a `data:` URL that is not base64; write it as data:TYPE;base64,…", what));
  }
  throw Error(Errc::unsupported,
              std::format("{} is on the network, and a model in this process fetches nothing; load it, and give its "
                          "bytes or the path of a file",
                          what),
              {.feature = "url"});
}

std::string_view name_of(MediaPart::Kind kind) {
  switch (kind) {
    case MediaPart::Kind::image: return "picture";
    case MediaPart::Kind::audio: return "sound";
    case MediaPart::Kind::document: return "document";
    case MediaPart::Kind::video: return "film";
    case MediaPart::Kind::binary: return "file";
  }
  return "file";
}

[[noreturn]] void refuse(const std::string& what, const Model& model, std::string_view feature) {
  const auto reads = model.sees() && model.hears() ? "text, pictures and sounds"
                     : model.sees()                ? "text and pictures"
                     : model.hears()               ? "text and sounds"
                                                   : "text only";
  throw Error(Errc::unsupported,
              std::format("{}, and `{}` reads {}{}", what, model.name(), reads,
                          model.senses() != nullptr
                              ? "; ask a model that takes it, or write its content as text"
                              : "; put its image or audio part beside it or name that (mmproj=FILE), ask another "
                                "model, or write the content as text"),
              {.model = model.name(), .feature = std::string(feature)});
}

class Reader {
 public:
  Reader(const Model& model, const Chat& chat) : model_(model), mark_(unused_mark(chat)) {}

  MediaChat read(const Chat& chat) {
    for (std::size_t i = 0; i < chat.size(); ++i) {
      auto message = chat[i];
      std::vector<Part> parts;
      for (std::size_t j = 0; j < message.parts.size(); ++j) {
        const auto* const medium = message.parts[j].get<MediaPart>();
        if (medium == nullptr)
          parts.push_back(message.parts[j]);
        else
          add(parts, *medium, std::format("messages[{}].parts[{}]", i, j));
      }
      message.parts = std::move(parts);
      out_.chat.push_back(std::move(message));
    }
    return std::move(out_);
  }

 private:
  void add(std::vector<Part>& parts, const MediaPart& part, const std::string& place) {
    const auto what = std::format("{} is a {}", place, name_of(part.kind));
    const bool is_sound = part.kind == MediaPart::Kind::audio;
    const bool is_picture = part.kind == MediaPart::Kind::image;
    const bool is_pages = part.kind == MediaPart::Kind::document || part.kind == MediaPart::Kind::binary;
    const bool reads = (is_sound && model_.hears()) || ((is_picture || is_pages) && model_.sees());
    if (!reads) refuse(what, model_, place);
    const auto named =
        part.name.empty() ? part.path.empty() ? place : std::format("`{}`", part.path) : std::format("`{}`", part.name);
    const auto& limits = model_.senses()->options();
    const auto bytes = bytes_of(part, named, limits.max_bytes);
    if (!is_pages) return add(parts, bytes, is_sound, named);
    if (!bytes.starts_with("%PDF-")) refuse(what + " that is not a PDF", model_, place);
    const auto left = static_cast<std::size_t>(limits.most_media) - out_.media.size();
    const auto pages = pdf_pages(bytes, named, left);
    for (std::size_t i = 0; i < pages.size(); ++i) add(parts, pages[i], false, std::format("{} page {}", named, i + 1));
  }

  void add(std::vector<Part>& parts, std::string_view bytes, bool is_sound, const std::string& what) {
    auto& senses = *model_.senses();
    const auto most = static_cast<std::size_t>(senses.options().most_media);
    if (out_.media.size() >= most)
      throw Error(
          Errc::bad_input,
          std::format("the request has more than {} pictures and sounds; send fewer, or raise most_media", most),
          {.max = most});
    auto medium = senses.read(std::as_bytes(std::span(bytes)), is_sound, what);
    auto mark = std::format("{}{}\uFDD1", mark_, out_.media.size());
    parts.emplace_back(TextPart{mark});
    out_.media.emplace_back(std::move(mark), std::move(medium));
  }

  const Model& model_;
  std::string mark_;
  MediaChat out_;
};

}  // namespace

bool has_media(const Chat& chat) noexcept {
  return std::ranges::any_of(chat, [](const Message& message) {
    return std::ranges::any_of(message.parts, [](const Part& part) { return part.get<MediaPart>() != nullptr; });
  });
}

MediaChat read_media(const Model& model, const Chat& chat) {
  return Reader(model, chat).read(chat);
}

std::vector<Token> tokenize(const Model& model, const std::vector<PromptPart>& parts, const MediaChat& read) {
  std::size_t placed = 0;
  auto tokens = model.tokenize(parts, [&](std::vector<Token>& out, std::string_view text) {
    const auto write = [&](std::string_view piece) {
      if (piece.empty()) return;
      const auto more = model.tokenize(piece);
      out.insert(out.end(), more.begin(), more.end());
    };
    for (std::size_t next = placed; next < read.media.size(); ++next) {
      const auto& [mark, medium] = read.media[next];
      const auto place = text.find(mark);
      if (place == text.npos) break;
      write(text.substr(0, place));
      out.insert(out.end(), medium->tokens.begin(), medium->tokens.end());
      text.remove_prefix(place + mark.size());
      placed = next + 1;
    }
    write(text);
  });
  if (placed != read.media.size())
    throw Error(Errc::unsupported,
                std::format("the chat template of `{}` leaves out or moves what messages show; ask with fewer messages",
                            model.name()),
                {.model = model.name(), .feature = "images"});
  return tokens;
}

}  // namespace dspy::llama
