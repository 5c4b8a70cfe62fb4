#include "dspy/lm/middleware/concurrency.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/middleware/hedge.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

/// Counts how many requests are under way, and takes its time.
struct Load {
  int now = 0, most = 0, all = 0, cancelled = 0;
};

class LoadedLM : public LM {
 public:
  LoadedLM(Load& load, std::vector<std::chrono::milliseconds> times) : load_(load), times_(std::move(times)) {}

  std::string_view model() const noexcept override { return "loaded"; }
  Async<Reply> complete(Request request) override {
    return answer(load_, times_[static_cast<std::size_t>(load_.all) % times_.size()], std::move(request));
  }

 private:
  static Async<Reply> answer(Load& load, std::chrono::milliseconds time, Request request) {
    const int number = ++load.all;
    load.most = std::max(load.most, ++load.now);
    std::optional<Error> failure;
    try {
      co_await sleep(time, request.stop);
    } catch (const Error& error) {
      ++load.cancelled;
      failure = error;
    }
    --load.now;
    if (failure) throw Error(*failure);
    co_return Reply(Completion{.text = std::to_string(number)}, {.requests = 1});
  }

  Load& load_;
  std::vector<std::chrono::milliseconds> times_;
};

}  // namespace

TEST_CASE("No more requests are under way than the limit, and all come to their turn") {
  Load load;
  const auto lm = concurrent({.start = 4, .max = 4})(std::make_shared<LoadedLM>(load, std::vector{2ms}));
  std::vector<Async<Reply>> asked;
  for (int i = 0; i < 40; ++i) asked.push_back(lm->complete(ask("Hello")));

  const auto replies = wait(when_all(std::move(asked)));

  CHECK(replies.size() == 40);
  CHECK(load.most == 4);
  CHECK(load.all == 40);
}

TEST_CASE("A queue that is full refuses, and one who gives up leaves it") {
  Load load;
  const auto lm =
      concurrent({.start = 1, .max = 1, .max_queue = 2})(std::make_shared<LoadedLM>(load, std::vector{20ms}));
  std::stop_source stop;
  auto impatient = ask("Hello");
  impatient.stop = stop.get_token();
  auto hurried = ask("Hello");
  hurried.deadline = std::chrono::steady_clock::now() + 5ms;
  const auto outcome = [](Async<Reply> call) -> Async<std::string> {
    std::string out = "answered";
    try {
      co_await std::move(call);
    } catch (const Error& error) {
      out = to_string(error.code());
    }
    co_return out;
  };
  const auto give_up = [](std::stop_source& who) -> Async<std::string> {
    co_await sleep(2ms);
    who.request_stop();
    co_return std::string();
  };

  const auto [one, two, three, four, unused] =
      wait(when_all(outcome(lm->complete(ask("Hello"))), outcome(lm->complete(impatient)),
                    outcome(lm->complete(hurried)), outcome(lm->complete(ask("Hello"))), give_up(stop)));

  CHECK(one == "answered");
  CHECK(two == "cancelled");
  CHECK(three == "deadline_exceeded");
  CHECK(four == "rate_limit_exceeded");
  CHECK(wait(outcome(lm->complete(ask("Hello")))) == "answered");
  CHECK(load.all == 2);
}

TEST_CASE("A late answer is asked for a second time, and the slower one is stopped") {
  Load load;
  const auto lm = hedged({.delay = 10ms, .max_ratio = 1})(std::make_shared<LoadedLM>(load, std::vector{2'000ms, 1ms}));
  const auto begun = std::chrono::steady_clock::now();

  const auto reply = wait(lm->complete(ask("Hello")));

  CHECK(reply.text() == "2");
  CHECK(std::chrono::steady_clock::now() - begun < 1s);
  CHECK(load.cancelled == 1);
  CHECK(load.all == 2);
}

TEST_CASE("An answer in time is asked for once, and no more than the allowed share twice") {
  Load load;
  const auto quick = hedged({.delay = 500ms})(std::make_shared<LoadedLM>(load, std::vector{1ms}));
  wait(quick->complete(ask("Hello")));
  CHECK(load.all == 1);

  HedgeMachine machine({.max_ratio = 0.05});
  int twice = 0;
  for (int i = 0; i < 1'000; ++i) {
    machine.count_request();
    if (machine.take()) ++twice;
  }
  CHECK(twice <= 51);
  CHECK(twice >= 45);
  CHECK_FALSE(machine.delay().has_value());
  for (int i = 1; i <= 100; ++i) machine.count_answer(std::chrono::milliseconds(100 * i));
  CHECK(machine.delay() == 9'500ms);
}
