#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::providers::openai {

/// Most chunks of a stream are the chunk before with another text.  Once such a chunk was read in full, this takes the
/// text out of those that are the same around it, byte for byte, without reading them as JSON.
class RepeatedChunk {
 public:
  /// `data` was read in full: an object whose only piece of the reply is `choices[0].delta.content`, which is `text`.
  void learn(std::string_view data, std::string_view text);
  /// The text of a chunk that differs from the one learnt in its text only.  Nothing for any other, and for a text that
  /// is written with escapes.
  std::optional<std::string_view> text_of(std::string_view data) const noexcept;

 private:
  static constexpr int most_tries = 16;  ///< Of a stream: some have another envelope in each chunk.

  std::string before_;  ///< Empty: nothing was learnt.
  std::string after_;
  int tries_ = 0;
};

}  // namespace dspy::providers::openai
