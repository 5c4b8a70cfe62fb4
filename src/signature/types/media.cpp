#include "dspy/signature/media.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <format>
#include <optional>
#include <span>
#include <utility>

namespace dspy {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{100} * 1024 * 1024;

Bytes read_media(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    throw Error(Errc::io_error, std::format("there is no file `{}`; check its path", path));
  if (!std::filesystem::is_regular_file(status))
    throw Error(Errc::bad_input, std::format("`{}` is not a regular file; name one", path));
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > most_bytes) {
    throw Error(Errc::bad_input,
                std::format("the file `{}` has {} bytes; give a URL for what is above {}", path, size, most_bytes),
                {.actual = size, .max = most_bytes});
  }
  // To its end, whatever its size is said to be: some file systems do not know.
  const auto text = read_file(path, most_bytes);
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// The media type of a file's extension, if it is a common one.
std::optional<std::string> media_type_of(const std::string& path) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr auto known = std::to_array<Pair>({{".png", "image/png"},
                                                     {".jpg", "image/jpeg"},
                                                     {".jpeg", "image/jpeg"},
                                                     {".gif", "image/gif"},
                                                     {".webp", "image/webp"},
                                                     {".pdf", "application/pdf"},
                                                     {".json", "application/json"},
                                                     {".html", "text/html"},
                                                     {".csv", "text/csv"},
                                                     {".md", "text/markdown"},
                                                     {".txt", "text/plain"}});
  const auto extension = std::filesystem::path(path).extension().string();
  for (const auto& [ending, type] : known) {
    if (text::equals_ignoring_case(extension, ending)) return std::string(type);
  }
  return std::nullopt;
}

/// Moves the content from `path` to `data`; returns the path, or nothing if there was none.
template <class Medium>
std::optional<std::string> load_bytes(Medium& medium) {
  if (!medium.path) return std::nullopt;
  medium.data = read_media(*medium.path);
  return std::exchange(medium.path, std::nullopt);
}

}  // namespace

Image load(Image image) {
  if (const auto path = load_bytes(image); path && !image.media_type) image.media_type = media_type_of(*path);
  return image;
}

Audio load(Audio audio) {
  if (const auto path = load_bytes(audio); path && !audio.audio_format) {
    const auto extension = std::filesystem::path(*path).extension().string();
    if (extension.size() > 1) audio.audio_format = extension.substr(1);
  }
  return audio;
}

File load(File file) {
  const auto path = load_bytes(file);
  if (path && !file.media_type) file.media_type = media_type_of(*path);
  if (path && !file.filename) file.filename = std::filesystem::path(*path).filename().string();
  return file;
}

}  // namespace dspy
