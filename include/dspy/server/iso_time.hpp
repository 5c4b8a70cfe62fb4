#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {

/// A moment as the API writes it: `2026-11-29T20:51:05.123Z`.
std::string iso_time(std::chrono::system_clock::time_point time);
/// Reads that, with any number of decimals up to nine or none, and a day alone (`2026-11-29`).  Nothing for any other
/// text.
std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> parse_iso_time(std::string_view text);

}  // namespace dspy::server
