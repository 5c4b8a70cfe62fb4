#pragma once

#include "dspy/http/headers.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace dspy::http {

/// How long the server asks the client to wait before the next request: `retry-after-ms`, else `retry-after` (seconds,
/// also with a fraction, or a date).  A date that has passed is zero.  Nothing where neither is there or can be read,
/// which includes negative values; unreasonably long values are left to the caller.
std::optional<std::chrono::milliseconds> retry_after(const Headers& headers, std::chrono::system_clock::time_point now);

/// The same for one field that says when a limit is full again, such as `x-ratelimit-reset-requests`: a duration
/// (`120ms`, `1s`, `6m0s`, `1m30.5s`), a date (RFC 3339 or HTTP), seconds from now, or seconds or milliseconds since
/// 1970.
std::optional<std::chrono::milliseconds> time_until_reset(std::string_view value,
                                                          std::chrono::system_clock::time_point now);

/// A duration as Go writes it: numbers with the units h, m, s, ms, us (µs) and ns, added up.  Rounded up to
/// milliseconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// A date as HTTP has it: `Sun, 06 Nov 1994 08:49:37 GMT` and the two obsolete forms (RFC 9110, section 5.6.7).
std::optional<std::chrono::system_clock::time_point> parse_http_date(std::string_view text);

/// A date as RFC 3339 has it: `2026-08-21T10:00:00.5Z`, `2026-08-21T12:00:00+02:00`.
std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text);

}  // namespace dspy::http
