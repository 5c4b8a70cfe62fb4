#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// DSPy's own types as structs, for members of `Input` and `Output`.  Media say where their content
// is, in exactly one of their members; nothing reads a file or asks the network for it unless
// `load` is called.

namespace dspy {

using Bytes = std::vector<std::byte>;

/// A picture.
///
///     Image{.url = "https://example.org/cat.png"}     Image{.path = "cat.png"}     Image{.data = bytes}
struct Image {
  std::optional<std::string> url = {};   ///< `https:`, `http:` or `data:`; for the provider to fetch.
  std::optional<std::string> path = {};  ///< A file on this machine, which `load` reads.
  std::optional<Bytes> data = {};
  std::optional<std::string> media_type = {};  ///< Such as `image/png`.

  bool operator==(const Image&) const = default;
};

/// A recording.
struct Audio {
  std::optional<std::string> url = {};
  std::optional<std::string> path = {};
  std::optional<Bytes> data = {};
  std::optional<std::string> audio_format = {};  ///< Such as `wav`.

  bool operator==(const Audio&) const = default;
};

/// Any other file, such as a PDF.
struct File {
  std::optional<std::string> url = {};
  std::optional<std::string> path = {};
  std::optional<Bytes> data = {};
  std::optional<std::string> file_id = {};  ///< What the provider called it when it was uploaded.
  std::optional<std::string> filename = {};
  std::optional<std::string> media_type = {};

  bool operator==(const File&) const = default;
};

/// Reads the file at `path` into `data`, and derives the media type from the file's name if none was given; returns the
/// medium unchanged if it has no `path`.  Throws `Error` (`io_error`) if the file cannot be read, (`bad_input`) if it
/// is larger than 100 MiB or not a regular file.
Image load(Image image);
Audio load(Audio audio);
File load(File file);

/// Text to cite from.
struct Document {
  std::string data = {};
  std::optional<std::string> title = {};
  std::optional<std::string> media_type = {};
  std::optional<std::string> context = {};

  bool operator==(const Document&) const = default;
};

/// A place in a document that supports an answer.  Indices count characters.
struct Citation {
  std::string type = "char_location";
  std::string cited_text = {};
  std::size_t document_index = 0;
  std::optional<std::string> document_title = {};
  std::size_t start_char_index = 0;
  std::size_t end_char_index = 0;
  std::optional<std::string> supported_text = {};

  bool operator==(const Citation&) const = default;
};

struct Citations {
  std::vector<Citation> citations = {};

  bool operator==(const Citations&) const = default;
};

/// A tool as it is described to a model.
struct Tool {
  std::string name = {};
  std::optional<std::string> desc = {};
  JsonObject args = {};  ///< The JSON Schema of each argument, by name.

  bool operator==(const Tool&) const = default;
};

struct ToolCall {
  std::optional<std::string> id = {};
  std::string name = {};
  JsonObject args = {};

  bool operator==(const ToolCall&) const = default;
};

struct ToolCallResult {
  std::optional<std::string> call_id = {};
  std::optional<std::string> name = {};
  Json value = {};
  bool is_error = false;

  bool operator==(const ToolCallResult&) const = default;
};

struct ToolCalls {
  std::vector<ToolCall> tool_calls = {};
  std::optional<std::vector<ToolCallResult>> tool_call_results = {};

  bool operator==(const ToolCalls&) const = default;
};

/// The thoughts behind an answer; some models have a place of their own for them.
struct Reasoning {
  std::string text = {};

  bool operator==(const Reasoning&) const = default;
};

/// The name of a language in a type: `Code<"python">`.
template <std::size_t Size>
struct Language {
  char text[Size] = {};

  consteval Language(const char (&name)[Size]) {  // NOLINT(google-explicit-constructor): written as a plain literal
    for (std::size_t i = 0; i < Size; ++i) text[i] = name[i];
  }
  constexpr std::string_view view() const { return {text, Size - 1}; }
};

/// The text of a program.
template <Language Name = "">
struct Code {
  std::string text = {};

  bool operator==(const Code&) const = default;
};

}  // namespace dspy
