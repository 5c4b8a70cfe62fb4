#pragma once

#include "llama/mask/expressions/expression.hpp"

#include <cstddef>

// Texts that stand for values with a notation of their own, without quotes.

namespace dspy::llama::mask {

/// `2026-11-21`: the days of the Gregorian calendar from year 1 to 9999.
Expr date(Pool& pool);
/// `2026-11-21T06:48:00Z` (RFC 3339); the offset may be absent.
Expr datetime(Pool& pool);
/// `06:48:00Z` (RFC 3339); the offset may be absent.
Expr time(Pool& pool);
/// `PT1H30M` (ISO 8601) of weeks, days, hours, minutes and seconds.
Expr duration(Pool& pool);
/// The base64 text of `min` to `max` bytes.
Expr base64(Pool& pool, std::size_t min, std::size_t max);

}  // namespace dspy::llama::mask
