#pragma once

#include "dspy/base/json.hpp"

#include <cstdint>
#include <optional>

namespace dspy {

/// Token counts as reported by the tokenizer or the provider.  A count that was not reported is absent, not zero.
struct Usage {
  using Count = std::optional<std::uint64_t>;

  std::uint64_t requests = 0;
  Count prompt_tokens = {};
  Count completion_tokens = {};
  Count cache_read_tokens = {};  ///< The part of `prompt_tokens` that was not computed again.
  Count cache_write_tokens = {};
  Count reasoning_tokens = {};  ///< The part of `completion_tokens` that the model thought.
  Count audio_prompt_tokens = {};
  Count audio_completion_tokens = {};
  Count reported_total = {};  ///< The provider's own sum, if it gave one.
  /// In billionths of a US dollar; absent if the price is unknown.
  std::optional<std::int64_t> cost_nanodollars = {};

  /// The provider's sum, else prompt and completion together; absent if one of them is.
  Count total_tokens() const noexcept {
    if (reported_total) return reported_total;
    if (!prompt_tokens || !completion_tokens) return {};
    return *prompt_tokens + *completion_tokens;
  }

  /// Adds known values: a sum of counts is absent only if both sides are.  A sum of costs is known only if both sides
  /// are.
  Usage& operator+=(const Usage& other) noexcept {
    const auto add = [](Count& sum, const Count& more) {
      if (more) sum = sum.value_or(0) + *more;
    };
    const auto total = reported_total || other.reported_total ? total_tokens() : Count();
    if (total && other.total_tokens()) {
      reported_total = *total + *other.total_tokens();
    } else if (requests == 0 && other.reported_total) {
      reported_total = other.reported_total;
    } else if (other.requests != 0) {
      reported_total.reset();
    }
    if (cost_nanodollars && other.cost_nanodollars) {
      *cost_nanodollars += *other.cost_nanodollars;
    } else if (requests == 0 && !cost_nanodollars) {
      cost_nanodollars = other.cost_nanodollars;
    } else if (other.requests != 0) {
      cost_nanodollars.reset();
    }
    requests += other.requests;
    add(prompt_tokens, other.prompt_tokens);
    add(completion_tokens, other.completion_tokens);
    add(cache_read_tokens, other.cache_read_tokens);
    add(cache_write_tokens, other.cache_write_tokens);
    add(reasoning_tokens, other.reasoning_tokens);
    add(audio_prompt_tokens, other.audio_prompt_tokens);
    add(audio_completion_tokens, other.audio_completion_tokens);
    return *this;
  }
  friend Usage operator+(Usage a, const Usage& b) noexcept { return a += b; }
  bool operator==(const Usage&) const = default;
};

/// The counts that there are.
JsonObject to_json(const Usage& usage);
/// Throws `Error` (`config_error`) if a count is not a whole number from 0.  Unknown members are ignored.
Usage usage_from_json(const JsonObject& written);

}  // namespace dspy
