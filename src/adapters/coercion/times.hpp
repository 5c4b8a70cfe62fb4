#pragma once

#include "adapters/coercion/repairs.hpp"
#include "dspy/signature/type.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

// Converts dates, times and durations in other notations with a single meaning to ours.  Nothing if there is more than
// one; then no input is consumed.

/// A date as the midnight it begins with and the reverse, seconds since 1970, `06:48:00,5`, `1:30:00`, `3 days,
/// 1:00:00`.
std::optional<std::string> read_time_like(Type::Kind kind, std::string_view text, Repairs& repairs);

/// `09:00-10:30`: opening hours look so, and an offset from UTC does.
bool may_be_two_times(std::string_view text) noexcept;

/// A number of JSON, which counts seconds.
std::optional<std::string> read_seconds(Type::Kind kind, std::int64_t seconds, Repairs& repairs);

}  // namespace dspy
