#include "dspy/lm/middleware/rate_limit.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/estimate.hpp"
#include "lm/middleware/told_limits.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <string_view>

namespace dspy {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// Further away than any wait that is allowed.
constexpr double farthest_seconds = 1e8;

nanoseconds seconds(double count) noexcept {
  return nanoseconds(static_cast<std::int64_t>(std::min(count, farthest_seconds) * 1e9));
}

constexpr nanoseconds longest_pause = std::chrono::seconds(60);

int burst_of(const RateLimitOptions& options) noexcept {
  if (options.burst) return *options.burst;
  return static_cast<int>(std::clamp(*options.requests_per_minute / 60, 1.0, 1e6));
}

nanoseconds interval_of(const RateLimitOptions& options) noexcept {
  return seconds(60 / *options.requests_per_minute);
}

/// No event before `at`.
void hold(Gcra& requests, const RateLimitOptions& options, Clock::Time now, Clock::Time at) {
  if (requests.next(now) >= at) return;
  const auto interval = interval_of(options);
  requests.take(at + interval * (burst_of(options) - 1) - interval);
}

/// When a provider that says `told` has room for one more request, as a limit that fills evenly has.
std::optional<nanoseconds> time_to_room(const ToldLimit& told) {
  if (told.remaining >= 1 || !told.reset) return {};
  return std::min(longest_pause, nanoseconds(static_cast<std::int64_t>(static_cast<double>(told.reset->count()) /
                                                                       std::max(told.limit, 1.0))));
}

/// Nobody's word raises what is left: others may ask with the same key, but what was reserved here stays reserved.
void lower_to(TokenBucket& tokens, const ToldLimit& told, Clock::Time now) {
  const auto level = tokens.level(now);
  if (told.remaining < level) tokens.take(level - told.remaining, now);
}

}  // namespace

void validate(const RateLimitOptions& options) {
  const auto require = [](bool holds, std::string_view name, auto value, std::string_view rule) {
    if (!holds)
      throw Error(Errc::invalid_parameter, std::format("the limit `{}` is {}; it must be {}", name, value, rule));
  };
  const auto is_rate = [](const std::optional<double>& rate) { return !rate || (*rate > 0 && std::isfinite(*rate)); };
  require(is_rate(options.requests_per_minute), "requests_per_minute", options.requests_per_minute.value_or(0),
          "more than 0");
  require(is_rate(options.tokens_per_minute), "tokens_per_minute", options.tokens_per_minute.value_or(0),
          "more than 0");
  require(options.burst.value_or(1) >= 1, "burst", options.burst.value_or(1), "1 or more");
  require(options.max_wait >= nanoseconds(0), "max_wait", duration_cast<milliseconds>(options.max_wait).count(),
          "0 ms or more");
}

Clock::Time TokenBucket::next(double tokens, Clock::Time now) const noexcept {
  const auto lacking = std::min(tokens, capacity_) - level(now);
  return lacking <= 0 ? now : now + duration_cast<Clock::Time::duration>(seconds(lacking / per_second_));
}

void TokenBucket::take(double tokens, Clock::Time now) noexcept {
  level_ = std::min(level(now) - tokens, capacity_);
  filled_at_ = std::max(now, filled_at_.value_or(now));
}

double TokenBucket::level(Clock::Time now) const noexcept {
  const auto passed = filled_at_ ? std::chrono::duration<double>(now - *filled_at_).count() : 0;
  return std::min(capacity_, level_ + std::max(passed, 0.0) * per_second_);
}

RateLimit::RateLimit(RateLimitOptions options) : options_(options) {
  validate(options);
  if (options.requests_per_minute) requests_.emplace(interval_of(options), burst_of(options));
  if (options.tokens_per_minute) tokens_.emplace(*options.tokens_per_minute / 60, *options.tokens_per_minute);
}

nanoseconds RateLimit::admit(const Request& request, Clock::Time now, Ticket& ticket) {
  if (tokens_)
    ticket.tokens = likely_prompt_tokens(request) + most_completion_tokens(request, options_.assumed_completion_tokens);
  const auto tokens = static_cast<double>(ticket.tokens);
  const std::lock_guard lock(mutex_);
  auto at = now;
  if (requests_) at = std::max(at, requests_->next(now));
  if (tokens_) at = std::max(at, tokens_->next(tokens, now));
  if (at - now > options_.max_wait || (request.deadline && at >= *request.deadline && at > now)) {
    throw Error(Errc::rate_limit_exceeded,
                std::format("the limit set for this model allows the next request in {:.1f} s, which is beyond the "
                            "{}; raise requests_per_minute or tokens_per_minute, or come back then",
                            std::chrono::duration<double>(at - now).count(),
                            at - now > options_.max_wait ? "longest wait" : "request's deadline"),
                {.retry_after = std::chrono::ceil<milliseconds>(at - now)});
  }
  if (requests_) requests_->take(now);
  if (tokens_) tokens_->take(tokens, now);
  return at - now;
}

void RateLimit::settle(const Ticket& ticket, const Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  if (!outcome.was_sent) {
    if (requests_) requests_->give_back();
    if (tokens_) tokens_->give_back(static_cast<double>(ticket.tokens), outcome.now);
    return;
  }
  const auto* const error = outcome.error;
  if (requests_ && error != nullptr && error->code() == Errc::rate_limit_exceeded && error->info().retry_after)
    hold(*requests_, options_, outcome.now,
         outcome.now + std::min<nanoseconds>(*error->info().retry_after, longest_pause));
  if (requests_ && outcome.reply != nullptr)
    if (const auto told = told_limit(*outcome.reply, "requests"))
      if (const auto time = time_to_room(*told)) hold(*requests_, options_, outcome.now, outcome.now + *time);
  if (!tokens_) return;
  const auto* const usage = outcome.reply != nullptr   ? &outcome.reply->usage
                            : outcome.error != nullptr ? &outcome.error->info().usage
                                                       : nullptr;
  const auto total = usage != nullptr ? usage->total_tokens() : std::nullopt;
  if (total) {
    tokens_->give_back(static_cast<double>(ticket.tokens) - static_cast<double>(*total), outcome.now);
  } else if (outcome.error != nullptr && !may_have_been_billed(outcome.error->code())) {
    tokens_->give_back(static_cast<double>(ticket.tokens), outcome.now);
  }
  if (outcome.reply != nullptr)
    if (const auto told = told_limit(*outcome.reply, "tokens")) lower_to(*tokens_, *told, outcome.now);
}

}  // namespace dspy
