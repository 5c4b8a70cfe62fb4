#include "providers/rate_headers.hpp"

#include "dspy/base/text.hpp"
#include "dspy/http/retry_after.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dspy::providers {
namespace {

/// The three fields of one limit.
struct Names {
  std::string_view of;
  std::string_view limit;
  std::string_view remaining;
  std::string_view reset;
};

constexpr auto known = std::to_array<Names>({
    {"requests", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
    {"tokens", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
    {"tokens", "x-ratelimitbysize-limit-minute", "x-ratelimitbysize-remaining-minute", "ratelimitbysize-reset"},
    {"requests", "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
     "anthropic-ratelimit-requests-reset"},
    {"tokens", "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
     "anthropic-ratelimit-tokens-reset"},
    {"input_tokens", "anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining",
     "anthropic-ratelimit-input-tokens-reset"},
    {"output_tokens", "anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining",
     "anthropic-ratelimit-output-tokens-reset"},
});

std::optional<std::int64_t> whole_number(const http::Headers& headers, std::string_view name) {
  const auto field = headers.find(name);
  if (!field) return {};
  const auto text = text::trim(*field);
  std::int64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && parsed == end ? std::optional(value) : std::nullopt;
}

}  // namespace

JsonObject told_limits(const Dialect& dialect, const http::Headers& headers,
                       std::chrono::system_clock::time_point now) {
  JsonObject out;
  for (const auto& names : known) {
    const auto limit = whole_number(headers, names.limit);
    const auto remaining = whole_number(headers, names.remaining);
    if (!limit || *limit <= 0 || !remaining || *remaining < 0 || out.contains(names.of)) continue;
    // Groq counts the requests of a day under the names that others have for those of a minute.
    const bool is_daily = dialect.name == "groq" && names.of == "requests";
    JsonObject told{{"limit", *limit}, {"remaining", *remaining}, {"per", is_daily ? "day" : "minute"}};
    const auto reset = headers.find(names.reset);
    if (const auto time = reset ? http::time_until_reset(*reset, now) : std::nullopt) told["reset_ms"] = time->count();
    out[names.of] = std::move(told);
  }
  return out;
}

void keep_limits(Reply& reply, JsonObject limits) {
  if (limits.empty()) return;
  if (!reply.provider_data.is_object()) reply.provider_data = JsonObject();
  reply.provider_data.get_object()["rate_limits"] = std::move(limits);
}

}  // namespace dspy::providers
