#include "dspy/modules/field_events.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

/// Streams `text`, and counts the requests whose readers held it back.
class Counting final : public LM {
 public:
  explicit Counting(std::string text) : scripted_([text](const Request&) { return text; }) {}

  std::string_view model() const noexcept override { return "counting"; }
  Async<Reply> complete(Request request) override { return scripted_.complete(std::move(request)); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return [](ScriptedLM& inner, Request asked, EventSink out, std::shared_ptr<std::size_t> told) -> Async<Reply> {
      co_return co_await inner.stream(std::move(asked), [&](const StreamEvent& event) {
        ++*told;
        out(event);
      });
    }(scripted_, std::move(request), std::move(sink), events);
  }

  std::shared_ptr<std::size_t> events = std::make_shared<std::size_t>(0);

 private:
  ScriptedLM scripted_;
};

std::string words(int count) {
  std::string out = "answer:";
  for (int i = 0; i < count; ++i) out += " w" + std::to_string(i);
  return out;
}

Predictor predictor(std::shared_ptr<LM> lm) {
  return Predictor(Signature::parse("question -> answer"), {.lm = std::move(lm)});
}

}  // namespace

TEST_CASE("events are read one by one and join to the field; the result is the call's") {
  const auto lm = std::make_shared<Counting>(words(40));
  auto [text, answer] = wait([](Predictor asks) -> Async<std::pair<std::string, std::string>> {
    auto all = events(asks, {{"question", "?"}});
    std::string joined;
    while (auto piece = co_await all.next()) {
      CHECK(piece->field == "answer");
      if (piece->restart) joined.clear();
      joined += piece->text;
    }
    const auto prediction = co_await all.result();
    co_return std::pair(joined, std::string(prediction.data.at("answer").as_string()));
  }(predictor(lm)));
  CHECK(text == answer);
  CHECK(answer.ends_with("w39"));
}

TEST_CASE("a reader that is behind holds the call back") {
  const auto lm = std::make_shared<Counting>(words(2000));
  wait([](Predictor asks, std::shared_ptr<std::size_t> told) -> Async<void> {
    auto all = events(asks, {{"question", "?"}}, {}, 8);
    CHECK(co_await all.next());
    co_await sleep(20ms);
    CHECK(*told < 40);
    for (int i = 0; i < 100; ++i) CHECK(co_await all.next());
    co_await sleep(5ms);
    CHECK(*told < 160);
    const auto prediction = co_await all.result();
    CHECK(prediction.data.at("answer").as_string().ends_with("w1999"));
  }(predictor(lm), lm->events));
}

TEST_CASE("a call that is held back ends with its deadline, its stop and its reader") {
  const auto lm = std::make_shared<Counting>(words(2000));
  wait([](Predictor asks) -> Async<void> {
    auto late = events(asks, {{"question", "?"}}, {.deadline = std::chrono::steady_clock::now() + 10ms}, 8);
    co_await late.next();
    co_await sleep(15ms);
    CHECK_THROWS_WITH_AS(co_await late.result(), doctest::Contains("deadline"), Error);

    std::stop_source stop;
    auto stopped = events(asks, {{"question", "?"}}, {.stop = stop.get_token()}, 8);
    co_await stopped.next();
    stop.request_stop();
    CHECK_THROWS_AS(co_await stopped.result(), Error);
    {
      auto left = events(asks, {{"question", "?"}}, {}, 8);
      co_await left.next();
    }
    co_await sleep(1ms);
  }(predictor(lm)));
}

TEST_CASE("what the call throws comes after what it wrote, and wrong inputs before") {
  const auto lm = std::make_shared<Counting>("");
  wait([](Predictor asks) -> Async<void> {
    auto wrong = events(asks, {{"query", "?"}});
    CHECK_THROWS_AS(co_await wrong.next(), Error);
    auto unreadable = events(asks, {{"question", "?"}});
    CHECK_THROWS_AS(co_await unreadable.result(), Error);
  }(predictor(lm)));
}

TEST_CASE("a reader is told when the event loop of its call has ended, and waits no longer") {
  auto all = events(predictor(std::make_shared<Counting>(words(2000))), {{"question", "?"}}, {}, 4);
  const auto first = [&]() -> Async<void> { co_await all.next(); };
  const auto rest = [&]() -> Async<void> {
    while (co_await all.next()) {
    }
  };
  std::thread([&] { wait(first()); }).join();  // the thread's event loop ends with a call that is held back
  std::stop_source stop;
  const std::jthread gives_up([&](const std::stop_token& ended) {
    for (int i = 0; i < 500 && !ended.stop_requested(); ++i) std::this_thread::sleep_for(10ms);
    stop.request_stop();
  });

  CHECK_THROWS_WITH_AS(wait(until(rest(), stop.get_token())), doctest::Contains("the event loop of the call ended"),
                       Error);
}
