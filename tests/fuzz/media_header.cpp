// Any bytes are read as a picture's or a sound's header, or refused with a reason; what is cut off tells no more.

#include "llama/media/media_header.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto header = dspy::llama::read_media_header(bytes);
  if (!header) {
    if (header.error().empty()) std::abort();
    return 0;
  }
  if (header->is_picture() &&
      (header->width == 0 || header->height == 0 || header->width >> 32 || header->height >> 32))
    std::abort();
  if (header->is_picture() && header->is_sound()) std::abort();
  if (!(header->seconds >= 0)) std::abort();
  const auto again = dspy::llama::read_media_header(bytes.first(size / 2));
  if (again && again->is_picture() && header->is_picture() && again->format == header->format &&
      (again->width != header->width || again->height != header->height))
    std::abort();
  return 0;
}
