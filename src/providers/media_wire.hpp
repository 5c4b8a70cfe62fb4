#pragma once

#include "dspy/base/error.hpp"
#include "dspy/lm/part.hpp"
#include "providers/protocol.hpp"

#include <cstddef>
#include <string>
#include <string_view>

// Media as providers take them.

namespace dspy::providers {

/// The position of a part in a request, for errors and adaptations: `messages[2].parts[0]`.
struct Place {
  std::size_t message = 0;
  std::size_t part = 0;

  std::string text(std::string_view member = {}) const;
};

/// Throws `Error` (`unsupported`) that names the place.
[[noreturn]] void unsupported_part(const Place& place, const Dialect& dialect, std::string_view what,
                                   std::string_view remedy);

/// The part with its bytes in `data` where it had a `path`, and with a media type where its name or its bytes tell one.
/// Throws `Error` as `load` does.
MediaPart loaded(MediaPart media);

/// `data:image/png;base64,…`, of a part that has `data`.
std::string data_url(const MediaPart& media);
/// Its bytes as base64.
std::string base64_of(const MediaPart& media);

/// The format of a recording in OpenAI's words, such as `mp3`; empty if it is not known.
std::string_view audio_format(const MediaPart& media);

/// A document of text in words: its title, what to know of it, and the text; empty if it is not text.
std::string document_text(const MediaPart& media);

/// The texts of parts, joined; throws `unsupported_part` for any other.
std::string only_texts(const std::vector<Part>& parts, const Place& place, const Dialect& dialect);

}  // namespace dspy::providers
