#include "dspy/lm/middleware/retry.hpp"

#include "lm/middleware/wrapper.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

struct Retries {
  std::shared_ptr<LM> lm;  ///< Here, so that a call holds one reference and not two.
  RetryOptions options;
  Timing timing;
  RetryBudget budget;
  Seeds seeds;
};

Async<Reply> run(std::shared_ptr<Retries> shared, Request request, Delivery delivery) {
  auto& lm = *shared->lm;
  const auto& clock = *shared->timing.clock;
  const auto stop = request.stop;
  const auto deadline = request.deadline;
  auto begun = clock.now();
  shared->budget.count_request(begun);
  const bool may_retry = shared->options.max_retries > 0;

  std::optional<RetryMachine> machine;
  std::vector<Attempt> attempts;
  Usage earlier;
  nanoseconds waited = {};
  while (true) {
    std::optional<Error> failure;
    try {
      auto asked = may_retry ? request : std::move(request);
      auto reply = co_await ask(lm, std::move(asked), delivery);
      if (!attempts.empty()) {
        attempts.push_back(
            {.lm = std::string(lm.model()), .waited = waited, .time = clock.now() - begun, .usage = reply.usage});
        auto& all = reply.handling.edit().attempts;
        if (!all.empty()) attempts.pop_back();  // the last one is told in more detail
        all.insert(all.begin(), std::make_move_iterator(attempts.begin()), std::make_move_iterator(attempts.end()));
        reply.usage += earlier;
      }
      co_return reply;
    } catch (const Error& error) {
      failure = error;
    }
    if (!machine) machine.emplace(shared->options, shared->budget, shared->seeds.next());
    const auto now = clock.now();
    const auto wait = may_retry && !stop.stop_requested()
                          ? machine->after(*failure, delivery.has_content(), now, deadline)
                          : std::nullopt;
    if (!wait) throw with_attempts(*failure, earlier, attempts.size() + 1);
    attempts.push_back({.lm = std::string(lm.model()),
                        .waited = waited,
                        .time = now - begun,
                        .error = failure->code(),
                        .message = failure->what(),
                        .usage = failure->info().usage});
    earlier += failure->info().usage;
    waited = *wait;
    if (waited > nanoseconds(0)) co_await shared->timing.sleep(waited, stop);
    begun = clock.now();
  }
}

class RetryLM final : public Wrapper {
 public:
  RetryLM(std::shared_ptr<LM> inner, std::shared_ptr<Retries> shared)
      : Wrapper(std::move(inner)), shared_(std::move(shared)) {}

  Async<Reply> complete(Request request) override { return run(shared_, std::move(request), Delivery({})); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return run(shared_, std::move(request), Delivery(std::move(sink)));
  }

 private:
  std::shared_ptr<Retries> shared_;
};

}  // namespace

void validate(const RetryOptions& options) {
  const auto require = [](bool holds, std::string_view name, auto value, std::string_view rule) {
    if (!holds)
      throw Error(Errc::invalid_parameter,
                  std::format("the option `{}` of retries is {}; it must be {}", name, value, rule));
  };
  require(options.max_retries >= 0, "max_retries", options.max_retries, "0 or more");
  require(options.initial_backoff_ms >= 0, "initial_backoff_ms", options.initial_backoff_ms, "0 or more");
  require(options.max_backoff_ms >= options.initial_backoff_ms, "max_backoff_ms", options.max_backoff_ms,
          "at least `initial_backoff_ms`");
  require(options.max_retry_after_ms >= 0, "max_retry_after_ms", options.max_retry_after_ms, "0 or more");
  require(options.retry_ratio >= 0 && std::isfinite(options.retry_ratio), "retry_ratio", options.retry_ratio,
          "0 or more");
  require(options.retry_floor >= 0, "retry_floor", options.retry_floor, "0 or more");
}

bool is_worth_retrying(const Error& error) noexcept {
  return is_retryable(error.code()) || error.code() == Errc::stream_broken;
}

RetryBudget::Second& RetryBudget::at(Clock::Time now) {
  const auto number = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  auto& second = seconds_[static_cast<std::size_t>(number % 10)];
  if (second.number != number) second = {.number = number};
  return second;
}

void RetryBudget::count_request(Clock::Time now) {
  const std::lock_guard lock(mutex_);
  ++at(now).requests;
}

bool RetryBudget::take(Clock::Time now) {
  const std::lock_guard lock(mutex_);
  auto& current = at(now);
  std::uint64_t requests = 0, retries = 0;
  for (const auto& second : seconds_) {
    if (second.number < 0 || current.number - second.number >= 10) continue;
    requests += second.requests;
    retries += second.retries;
  }
  const auto allowed = std::max(static_cast<double>(floor_), ratio_ * static_cast<double>(requests));
  if (static_cast<double>(retries + 1) > allowed) return false;
  ++current.retries;
  return true;
}

std::optional<nanoseconds> RetryMachine::after(const Error& error, bool has_delivered, Clock::Time now,
                                               const std::optional<Clock::Time>& deadline) {
  if (has_delivered || !is_worth_retrying(error) || attempts_ > options_.max_retries) return {};
  const auto range = std::min(std::ldexp(static_cast<double>(options_.initial_backoff_ms), attempts_ - 1),
                              static_cast<double>(options_.max_backoff_ms));
  auto wait = nanoseconds(static_cast<std::int64_t>(random_.uniform() * range * 1e6));
  if (const auto asked = error.info().retry_after) {
    if (*asked > milliseconds(options_.max_retry_after_ms)) return {};
    // What is asked for is the least; the jitter keeps callers from coming back all at once.
    wait = std::max<nanoseconds>(*asked, nanoseconds(0)) + wait / 10;
  }
  if (deadline && now + wait >= *deadline) return {};
  if (!budget_->take(now)) return {};
  ++attempts_;
  return wait;
}

Layer retrying(RetryOptions options, Timing timing) {
  validate(options);
  return [options, timing = std::move(timing)](std::shared_ptr<LM> inner) -> std::shared_ptr<LM> {
    auto shared = std::shared_ptr<Retries>(
        new Retries{inner, options, timing, {options.retry_ratio, options.retry_floor}, Seeds(timing.seed)});
    return std::make_shared<RetryLM>(std::move(inner), std::move(shared));
  };
}

}  // namespace dspy
