#pragma once

#include "dspy/lm/reply.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace dspy {

/// What a provider says is left of a limit that it keeps for a minute.
struct ToldLimit {
  double limit = 0;
  double remaining = 0;
  std::optional<std::chrono::nanoseconds> reset = {};  ///< Until all of it is there again.
};

/// The limit of `what` (`requests`, `tokens`) in `Reply::provider_data`; nothing if it is not reported or is a daily
/// limit, which says nothing about the next minute.
std::optional<ToldLimit> told_limit(const Reply& reply, std::string_view what);

}  // namespace dspy
