#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/media.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The parts of a message.  The vocabulary is that of DSPy 3.4's model layer (lm15), so nothing that a provider sends or
// accepts is lost.

namespace dspy {

struct TextPart {
  std::string text = {};

  bool operator==(const TextPart&) const = default;
};

/// A picture, a recording, a film or a file.  Its content is in exactly one of `data`, `url`, `file_id` and `path`.
struct MediaPart {
  enum class Kind {
    image,
    audio,
    video,
    document,  ///< Text or pages that the model reads, such as a PDF.
    binary,    ///< Any other file.
  };

  Kind kind = Kind::image;
  std::optional<Bytes> data = {};
  std::string url = {};      ///< `https:`, `http:` or `data:`, for the provider to fetch.
  std::string file_id = {};  ///< What the provider called it when it was uploaded.
  std::string path = {};     ///< A file on this machine.
  std::string media_type = {};
  std::string name = {};     ///< A file's name.
  std::string title = {};    ///< Of a document.
  std::string context = {};  ///< What the model should know about a document; not to be cited.
  std::string detail = {};   ///< How closely a picture is looked at, such as `low`.

  bool operator==(const MediaPart&) const = default;
};

std::string_view to_string(MediaPart::Kind kind) noexcept;

MediaPart to_part(const Image& image);
MediaPart to_part(const Audio& audio);
MediaPart to_part(const File& file);
MediaPart to_part(const Document& document);

/// The model asks for a tool to be called.
struct ToolCallPart {
  std::string id = {};
  std::string name = {};
  JsonObject input = {};

  bool operator==(const ToolCallPart&) const = default;
};

struct Part;

/// The result of a tool call.
struct ToolResultPart {
  std::string id = {};  ///< The call's.
  std::string name = {};
  std::vector<Part> content;  // no `= {}`, for which `Part` would have to be complete
  bool is_error = false;

  bool operator==(const ToolResultPart& other) const;
};

/// What the model thought before it answered.
struct ReasoningPart {
  std::string text = {};

  bool operator==(const ReasoningPart&) const = default;
};

/// The model declines, in its words.
struct RefusalPart {
  std::string text = {};

  bool operator==(const RefusalPart&) const = default;
};

/// A source cited in a reply.
struct CitationPart {
  std::string url = {};
  std::string title = {};
  std::string text = {};  ///< The passage.
  /// Where the passage is in the documents that the request carried.
  std::optional<Citation> place = {};

  bool operator==(const CitationPart&) const = default;
};

/// A value that a backend hands over as such, with how likely its alternatives were.
struct DataPart {
  Json value = {};
  std::optional<JsonObject> probabilities = {};
  std::string method = {};  ///< How the probabilities were obtained.

  bool operator==(const DataPart&) const = default;
};

struct Part {
  using Content = std::variant<TextPart, MediaPart, ToolCallPart, ToolResultPart, ReasoningPart, RefusalPart,
                               CitationPart, DataPart>;

  Content content = {};
  /// Opaque provider state, such as a signature of thoughts, which must be sent back unchanged.  Null if there is none.
  Json continuation = {};

  Part() = default;
  Part(Content what, Json state = {})  // NOLINT(google-explicit-constructor): a part is its content
      : content(std::move(what)), continuation(std::move(state)) {}
  template <class T>
    requires(!std::same_as<std::remove_cvref_t<T>, Part> && !std::same_as<std::remove_cvref_t<T>, Content> &&
             std::constructible_from<Content, T>)
  Part(T&& what)  // NOLINT(google-explicit-constructor): the same
      : content(std::forward<T>(what)) {}

  /// The content as a `T`, or null.
  template <class T>
  const T* get() const noexcept {
    return std::get_if<T>(&content);
  }

  bool operator==(const Part&) const = default;
};

inline bool ToolResultPart::operator==(const ToolResultPart& other) const {
  return id == other.id && name == other.name && content == other.content && is_error == other.is_error;
}

}  // namespace dspy
