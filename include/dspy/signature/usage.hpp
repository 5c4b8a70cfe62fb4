#pragma once

#include <cstdint>

namespace dspy {

/// Exact token counts, as the tokenizer or the provider reported them.
struct Usage {
  std::uint64_t requests = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
  std::uint64_t cached_tokens = 0;  ///< The part of `prompt_tokens` that was not computed again.

  std::uint64_t total_tokens() const noexcept { return prompt_tokens + completion_tokens; }

  Usage& operator+=(const Usage& other) noexcept {
    requests += other.requests;
    prompt_tokens += other.prompt_tokens;
    completion_tokens += other.completion_tokens;
    cached_tokens += other.cached_tokens;
    return *this;
  }
  friend Usage operator+(Usage a, const Usage& b) noexcept { return a += b; }
  bool operator==(const Usage&) const = default;
};

}  // namespace dspy
