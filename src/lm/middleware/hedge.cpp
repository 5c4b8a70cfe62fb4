#include "dspy/lm/middleware/hedge.hpp"

#include "dspy/base/concurrent.hpp"
#include "dspy/lm/call_context.hpp"
#include "lm/middleware/wrapper.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dspy {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t least_answers = 20;

struct Hedge {
  HedgeMachine machine;
  std::shared_ptr<LM> other;
  Timing timing;
};

/// Two requests, of which the first good answer counts.
struct Race {
  std::optional<Reply> reply;
  std::optional<Error> failure;  ///< Of the one that failed last.
  Usage lost;                    ///< What the other one took.
  std::stop_source stop_first, stop_second, stop_waiting;
  bool has_second = false;
};

Async<void> run_lane(LM& lm, Request request, Race& race, std::stop_source& other, bool is_second) {
  try {
    auto reply = co_await lm.complete(std::move(request));
    if (race.reply) {
      race.lost += reply.usage;
      co_return;
    }
    race.reply = std::move(reply);
    if (race.has_second)
      race.reply->handling.edit().attempts.push_back({.lm = std::string(lm.model()),
                                                      .message = is_second ? "the second of two requests" : "",
                                                      .usage = race.reply->usage});
    other.request_stop();
    race.stop_waiting.request_stop();
  } catch (const Error& error) {
    race.lost += error.info().usage;
    if (!race.reply) race.failure = error;
    if (!race.has_second) race.stop_waiting.request_stop();
  }
}

Async<void> run_second(std::shared_ptr<Hedge> hedge, nanoseconds delay, Request request, Race& race) {
  try {
    co_await hedge->timing.sleep(delay, race.stop_waiting.get_token());
  } catch (const Error&) {
    co_return;  // the first one has ended
  }
  if (race.reply || race.failure || !hedge->machine.take()) co_return;
  race.has_second = true;
  co_await run_lane(*hedge->other, std::move(request), race, race.stop_first, true);
}

Async<Reply> run(std::shared_ptr<LM> lm, std::shared_ptr<Hedge> hedge, Request request) {
  const auto& clock = *hedge->timing.clock;
  const auto begun = clock.now();
  hedge->machine.count_request();
  const auto delay = hedge->machine.delay();
  if (!delay) {
    auto reply = co_await lm->complete(std::move(request));
    hedge->machine.count_answer(clock.now() - begun);
    co_return reply;
  }
  Race race;
  const auto first_stop = join(request.stop, race.stop_first.get_token());
  const auto second_stop = join(request.stop, race.stop_second.get_token());
  const auto ends_wait = std::stop_callback(request.stop, [&race] { race.stop_waiting.request_stop(); });
  auto second = request;
  request.stop = first_stop.token;
  second.stop = second_stop.token;
  // One at a time, whatever the caller's executor does: both lanes write to the race.
  co_await run_concurrently(2, 2, [&](std::size_t lane) {
    return lane == 0 ? run_lane(*lm, std::move(request), race, race.stop_second, false)
                     : run_second(hedge, *delay, std::move(second), race);
  });
  if (!race.reply) {
    if (!race.failure) throw Error(Errc::cancelled, "the caller asked to stop");
    throw *race.failure;
  }
  hedge->machine.count_answer(clock.now() - begun);
  race.reply->usage += race.lost;
  co_return *std::move(race.reply);
}

class HedgedLM final : public Wrapper {
 public:
  HedgedLM(std::shared_ptr<LM> inner, std::shared_ptr<Hedge> hedge)
      : Wrapper(std::move(inner)), hedge_(std::move(hedge)) {}

  Async<Reply> complete(Request request) override { return run(inner(), hedge_, std::move(request)); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return inner()->stream(std::move(request), std::move(sink));
  }

 private:
  std::shared_ptr<Hedge> hedge_;
};

}  // namespace

HedgeMachine::HedgeMachine(const HedgeOptions& options) : fixed_(options.delay), max_ratio_(options.max_ratio) {
  if (!(max_ratio_ >= 0 && max_ratio_ <= 1))
    throw Error(Errc::invalid_parameter, "the share of requests that are asked twice must be from 0 to 1");
  if (fixed_ && *fixed_ < nanoseconds(0)) throw Error(Errc::invalid_parameter, "a hedge's delay must be 0 or more");
}

std::optional<nanoseconds> HedgeMachine::delay() const {
  const std::lock_guard lock(mutex_);
  if (fixed_) return fixed_;
  if (answers_ < least_answers) return {};
  auto sorted = times_;
  const auto count = std::min(answers_, remembered);
  const auto rank = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(count))) - 1;
  std::ranges::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(rank),
                           sorted.begin() + static_cast<std::ptrdiff_t>(count));
  return std::max<nanoseconds>(sorted[rank], std::chrono::seconds(1));
}

void HedgeMachine::count_request() {
  const std::lock_guard lock(mutex_);
  allowance_ = std::min(allowance_ + max_ratio_, std::max(1.0, 100 * max_ratio_));
}

bool HedgeMachine::take() {
  const std::lock_guard lock(mutex_);
  if (max_ratio_ == 0 || allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

void HedgeMachine::count_answer(nanoseconds time) {
  const std::lock_guard lock(mutex_);
  times_[answers_++ % remembered] = time;
}

Layer hedged(HedgeOptions options, Timing timing) {
  return [options = std::move(options), timing = std::move(timing)](std::shared_ptr<LM> inner) -> std::shared_ptr<LM> {
    auto other = options.other ? options.other : inner;
    auto hedge = std::shared_ptr<Hedge>(new Hedge{HedgeMachine(options), std::move(other), timing});
    return std::make_shared<HedgedLM>(std::move(inner), std::move(hedge));
  };
}

}  // namespace dspy
