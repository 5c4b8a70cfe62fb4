#pragma once

#include <cstdint>
#include <string>

namespace dspy::llama {

/// How a model in this process reads pictures and sounds.
struct MediaOptions {
  /// The file with its image or audio part.  Empty: a file next to the model that is named after it; `none`: text only.
  std::string mmproj{};
  int image_tokens = 0;  ///< Of one picture at most, for models that have a choice.  0: as the model's file says.

  // Limits
  int most_media = 16;                       ///< Of one request; each page of a PDF is one.
  std::uint64_t max_bytes = 32ULL << 20;     ///< Of one file.
  std::uint64_t max_pixels = 50'000'000;     ///< Of one picture.
  double max_seconds = 600;                  ///< Of one sound.
  std::uint64_t cache_bytes = 256ULL << 20;  ///< For pictures and sounds that were read and may come again.

  bool operator==(const MediaOptions&) const = default;
};

/// What a model did with pictures and sounds.
struct MediaStats {
  std::uint64_t encoded = 0;  ///< Read by the model's image or audio part.
  std::uint64_t reused = 0;   ///< Known already, by their content.
  double seconds = 0;         ///< Spent encoding.
  std::uint64_t bytes = 0;    ///< Kept in memory now.
};

}  // namespace dspy::llama
