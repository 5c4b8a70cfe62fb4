#include "dspy/lm/middleware/breaker.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/log_fields.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <mutex>
#include <string>
#include <utility>

namespace dspy {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

enum class Verdict { well, broken, nothing };

Verdict verdict(const Outcome& outcome) noexcept {
  if (outcome.reply != nullptr) {
    const bool has_failed =
        !outcome.reply->completions.empty() && outcome.reply->completions.front().finish == FinishReason::error;
    return has_failed ? Verdict::broken : Verdict::well;
  }
  if (outcome.error == nullptr || !outcome.was_sent) return Verdict::nothing;
  switch (outcome.error->code()) {
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::stream_broken:
    case Errc::backend_error: return Verdict::broken;
    // It answered, if only to turn the request down.
    case Errc::refused:
    case Errc::context_too_long:
    case Errc::unsupported:
    case Errc::invalid_parameter: return Verdict::well;
    default: return Verdict::nothing;
  }
}

void tell(const std::string& name, Breaker::State state, nanoseconds open_for) {
  const auto seconds = std::chrono::duration<double>(open_for).count();
  if (state == Breaker::State::open) {
    log(LogLevel::warning, "breaker", std::format("{} failed too often and is left alone for {:.1f} s", name, seconds),
        {{"model", name}, {"state", to_string(state)}, {"seconds", seconds}});
  } else {
    log(LogLevel::info, "breaker", std::format("{} works again", name), {{"model", name}, {"state", to_string(state)}});
  }
}

}  // namespace

std::string_view to_string(Breaker::State state) noexcept {
  switch (state) {
    case Breaker::State::closed: return "closed";
    case Breaker::State::open: return "open";
    case Breaker::State::half_open: return "half_open";
  }
  std::unreachable();
}

void validate(const BreakerOptions& options) {
  const auto require = [](bool holds, std::string_view name, std::string_view rule) {
    if (!holds) throw Error(Errc::invalid_parameter, std::format("the breaker's option `{}` must be {}", name, rule));
  };
  require(options.min_calls >= 1, "min_calls", "1 or more");
  require(options.failure_ratio > 0 && options.failure_ratio <= 1, "failure_ratio", "above 0 and at most 1");
  require(options.open_for > nanoseconds(0), "open_for", "more than 0");
  require(options.max_open_for >= options.open_for, "max_open_for", "at least `open_for`");
  require(options.probes >= 1, "probes", "1 or more");
  require(options.probe_lease > nanoseconds(0), "probe_lease", "more than 0");
}

Breaker::Breaker(BreakerOptions options, std::string_view name)
    : options_(options), name_(name), random_(options.seed) {
  validate(options);
}

nanoseconds Breaker::admit(const Request& /*request*/, Clock::Time now, Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::open && now >= opens_at_) {
    state_ = State::half_open;
    ++generation_;
    probes_out_ = probes_ok_ = 0;
  }
  if (state_ == State::half_open) drop_lost_probes(now);
  const bool is_full = state_ == State::half_open && probes_out_ + probes_ok_ >= options_.probes;
  if (state_ == State::open || is_full) {
    const auto left = state_ == State::open ? opens_at_ - now : lease_ends_ - now;
    throw Error(
        Errc::unavailable,
        std::format("{} failed too often and is left alone for {:.1f} s more; add a fallback, or come back then", name_,
                    std::chrono::duration<double>(left).count()),
        {.retry_after = std::chrono::ceil<milliseconds>(std::max<Clock::Time::duration>(left, {}))});
  }
  ticket.mark = generation_;
  ticket.is_probe = state_ == State::half_open;
  if (ticket.is_probe) {
    ++probes_out_;
    lease_ends_ = now + options_.probe_lease;
  }
  return {};
}

void Breaker::settle(const Ticket& ticket, const Outcome& outcome) {
  std::unique_lock lock(mutex_);
  if (ticket.mark != generation_) return;  // of before it changed its mind
  const auto before = state_;
  const auto said = verdict(outcome);
  if (ticket.is_probe) {
    --probes_out_;
    if (said == Verdict::broken) {
      open(outcome.now);
    } else if (said == Verdict::well && ++probes_ok_ >= options_.probes) {
      close();
    }
  } else if (said != Verdict::nothing) {
    count(said == Verdict::broken, outcome.now);
  }
  const auto after = state_;
  const auto left = opens_at_ - outcome.now;
  lock.unlock();
  if (after != before) tell(name_, after, left);
}

Breaker::State Breaker::state(Clock::Time now) const {
  const std::lock_guard lock(mutex_);
  return state_ == State::open && now >= opens_at_ ? State::half_open : state_;
}

nanoseconds Breaker::opens_in(Clock::Time now) const {
  const std::lock_guard lock(mutex_);
  if (state_ == State::open) return std::max<nanoseconds>(opens_at_ - now, {});
  const bool is_full = state_ == State::half_open && probes_out_ + probes_ok_ >= options_.probes;
  return is_full ? std::max<nanoseconds>(lease_ends_ - now, {}) : nanoseconds(0);
}

void Breaker::open(Clock::Time now) {
  state_ = State::open;
  ++generation_;
  ++times_opened_;
  auto length = options_.open_for;
  for (int i = 1; i < times_opened_ && length < options_.max_open_for; ++i) length *= 2;
  length = std::min(length, options_.max_open_for);
  const auto jitter = 0.9 + 0.2 * random_.uniform();
  opens_at_ = now + std::chrono::duration_cast<Clock::Time::duration>(length * jitter);
  seconds_ = {};
}

void Breaker::close() {
  state_ = State::closed;
  ++generation_;
  times_opened_ = 0;
  seconds_ = {};
}

/// A probe whose end is never reported must not keep it half open for ever.
void Breaker::drop_lost_probes(Clock::Time now) {
  if (probes_out_ == 0 || now < lease_ends_) return;
  ++generation_;
  probes_out_ = 0;
}

void Breaker::count(bool has_failed, Clock::Time now) {
  const auto number = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  auto& second = seconds_[static_cast<std::size_t>(number % 10)];
  if (second.number != number) second = {.number = number};
  ++second.calls;
  if (!has_failed) return;
  ++second.failures;
  int calls = 0, failures = 0;
  for (const auto& each : seconds_) {
    if (each.number < 0 || number - each.number >= 10) continue;
    calls += each.calls;
    failures += each.failures;
  }
  if (calls >= options_.min_calls && failures >= options_.failure_ratio * calls) open(now);
}

}  // namespace dspy
