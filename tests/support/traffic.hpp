#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/estimate.hpp"
#include "dspy/lm/middleware/resilient.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Programs that ask two unreliable models through all that stands between them, under a clock that is not the world's
// and from one seed: the same seed gives the same calls, failures and waits.

namespace dspy::test {

/// What really happened, as the models know it.
struct Truth {
  FakeClock clock;
  Random random{1};
  std::uint64_t requests = 0;
  std::uint64_t tokens = 0;  ///< Written and read, told or not.
  std::uint64_t late = 0;    ///< Requests that were made after their deadline.
  int under_way = 0, most_under_way = 0;
  std::deque<Clock::Time> times;  ///< Of the requests to the first model in the last minute.
  std::size_t most_a_minute = 0;
};

/// Answers, or fails in one of the ways in which models do; in phases everything fails.
class UnreliableLM final : public LM {
 public:
  UnreliableLM(Truth& truth, std::string name, bool is_first)
      : truth_(truth), name_(std::move(name)), is_first_(is_first) {}

  std::string_view model() const noexcept override { return name_; }
  Async<Reply> complete(Request request) override { return answer(truth_, name_, is_first_, std::move(request), {}); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return answer(truth_, name_, is_first_, std::move(request), std::move(sink));
  }

 private:
  static void begin(Truth& truth, bool is_first, const Request& request) {
    ++truth.requests;
    const auto now = truth.clock.now();
    if (request.deadline && now >= *request.deadline) ++truth.late;
    truth.most_under_way = std::max(truth.most_under_way, ++truth.under_way);
    if (!is_first) return;
    truth.times.push_back(now);
    while (truth.times.front() + std::chrono::seconds(60) <= now) truth.times.pop_front();
    truth.most_a_minute = std::max(truth.most_a_minute, truth.times.size());
  }

  static Async<Reply> answer(Truth& truth, std::string name, bool is_first, Request request, EventSink sink) {
    begin(truth, is_first, request);
    struct Leave {
      Truth& of;
      ~Leave() { --of.under_way; }
    } const leave{truth};
    co_await sleep(std::chrono::nanoseconds(0));  // others come in between
    truth.clock.advance(std::chrono::microseconds(truth.random.below(400'000)));

    const auto second = std::chrono::duration_cast<std::chrono::seconds>(truth.clock.now().time_since_epoch()).count();
    const bool is_down = is_first && second % 600 < 60;  // a minute of every ten
    const auto drawn = is_down ? truth.random.below(10) : truth.random.below(100);
    const Usage one{.requests = 1};
    switch (drawn) {
      case 0:
        throw Error(Errc::rate_limit_exceeded, "slow down", {.retry_after = std::chrono::seconds(2), .usage = one});
      case 1: throw Error(Errc::rate_limit_exceeded, "slow down", {.usage = one});
      case 2:
      case 3: throw Error(Errc::unavailable, "overloaded", {.usage = one});
      case 4: spend(truth, request); throw Error(Errc::timeout, "no answer in time", {.usage = one});
      case 5: throw Error(Errc::refused, "this is not allowed", {.usage = one});
      case 6: throw Error(Errc::context_too_long, "too long", {.usage = one});
      case 7: throw Error(Errc::authentication_failed, "no such key", {.usage = one});
      case 8: throw Error(Errc::backend_error, "it broke", {.usage = one});
      default: break;
    }
    const auto prompt = likely_prompt_tokens(request);
    const auto completion = 1 + truth.random.below(static_cast<std::uint64_t>(*request.sampling.max_tokens));
    truth.tokens += prompt + completion;
    const auto text = "answer to " + request.messages.back().text();
    if (sink) {
      sink({.kind = StreamEvent::Kind::prompt_done});
      sink({.kind = StreamEvent::Kind::text, .text = std::string_view(text).substr(0, 6)});
      if (drawn == 9) throw Error(Errc::stream_broken, "cut in the middle", {.usage = one});
      sink({.kind = StreamEvent::Kind::text, .text = std::string_view(text).substr(6)});
    }
    Reply reply(Completion{.text = text}, {.requests = 1, .prompt_tokens = prompt, .completion_tokens = completion});
    if (drawn == 10) reply.usage = {.requests = 1};  // it does not tell
    if (drawn == 11) reply.completion().finish = FinishReason::content_filter;
    reply.model = name;
    co_return reply;
  }

  /// Billed, although nobody hears of it.
  static void spend(Truth& truth, const Request& request) { truth.tokens += likely_prompt_tokens(request); }

  Truth& truth_;
  std::string name_;
  bool is_first_;
};

inline Async<void> pass(FakeClock& clock, std::chrono::nanoseconds time) {
  clock.advance(time);
  co_return;
}

struct Tally {
  int replies = 0, errors = 0, hits = 0, refused_by_budget = 0;
};

inline Async<void> run_call(std::shared_ptr<LM> lm, Truth& truth, Tally& tally, std::string question, bool streams,
                            bool is_hurried) {
  Request request{.messages = {Message(Role::user, question)}, .sampling = {.max_tokens = 200}};
  if (is_hurried) request.deadline = truth.clock.now() + std::chrono::seconds(3);
  std::string heard;
  const auto sink = [&heard](const StreamEvent& event) { heard += event.text; };
  int outcomes = 0;
  try {
    auto call = streams ? lm->stream(std::move(request), sink) : lm->complete(std::move(request));
    const auto reply = co_await std::move(call);
    ++outcomes;
    ++tally.replies;
    tally.hits += reply.handling->source != ReplySource::model ? 1 : 0;
    // Its own question's answer, whole, once.
    if (reply.text() != "answer to " + question) FAIL_CHECK("another question's answer: ", reply.text());
    if (streams && heard != reply.text()) FAIL_CHECK("a stream that differs from its reply: ", heard);
    if (reply.handling->source != ReplySource::model && reply.usage.requests != 0) FAIL_CHECK("a hit that was billed");
  } catch (const Error& error) {
    ++outcomes;
    ++tally.errors;
    tally.refused_by_budget += error.code() == Errc::token_budget_exhausted ? 1 : 0;
    // What was begun is not begun anew.
    if (!heard.empty() && heard != "answer") FAIL_CHECK("content of two attempts: ", heard);
  }
  if (outcomes != 1) FAIL_CHECK("a call with ", outcomes, " outcomes");
}

/// Runs `calls` calls, up to eight at once, and checks what must hold after each step.
inline Tally simulate(std::uint64_t seed, int calls) {
  CAPTURE(seed);
  Truth truth;
  truth.random = Random(seed);
  const Timing timing{
      .clock = &truth.clock,
      .sleep = [&truth](std::chrono::nanoseconds time, std::stop_token) { return pass(truth.clock, time); },
      .seed = seed + 1};
  const auto token_limit = static_cast<std::uint64_t>(calls) * 60;
  const auto budget = std::make_shared<Budget>(Budget::Limits{.tokens = token_limit}, truth.clock);
  const auto lm = resilient({.primary = std::make_shared<UnreliableLM>(truth, "first", true),
                             .fallbacks = {std::make_shared<UnreliableLM>(truth, "second", false)},
                             .limits = {.requests_per_minute = 300, .burst = 5, .concurrency = 4},
                             .cache = {.enable_cache = true, .memory_bytes = 4U << 20, .clock = &truth.clock},
                             .budget = {.shared = budget},
                             .timing = timing});
  Tally tally;
  for (int done = 0; done < calls;) {
    std::vector<Async<void>> at_once;
    const auto count = std::min<int>(static_cast<int>(1 + truth.random.below(8)), calls - done);
    for (int i = 0; i < count; ++i) {
      auto question = "question " + std::to_string(truth.random.below(static_cast<std::uint64_t>(calls)));
      const bool streams = truth.random.below(4) == 0, is_hurried = truth.random.below(10) == 0;
      at_once.push_back(run_call(lm, truth, tally, std::move(question), streams, is_hurried));
    }
    wait(when_all(std::move(at_once)));
    done += count;
    CAPTURE(done);
    REQUIRE(tally.replies + tally.errors == done);
    REQUIRE(truth.under_way == 0);
    REQUIRE(truth.tokens <= token_limit);
    REQUIRE(truth.most_a_minute <= 305);
    REQUIRE(truth.late == 0);
  }
  CHECK(truth.most_under_way <= 4 + 8);
  return tally;
}

}  // namespace dspy::test
