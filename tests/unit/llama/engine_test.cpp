#include "dspy/llama/engine.hpp"

#include "engine_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

using namespace std::chrono_literals;
using test::error_of;

using Fixture = test::EngineFixture;

TEST_CASE_FIXTURE(Fixture, "a reply ends at the token that ends turns, which is not counted") {
  const auto reply = ask("Hi");

  CHECK(reply.text == "Hello!");
  CHECK(reply.finish == FinishReason::stop);
  CHECK(
      reply.usage ==
      Usage{.requests = 1, .prompt_tokens = asks("Hi").prompt.size(), .completion_tokens = 6, .cache_read_tokens = 0});
}

TEST_CASE_FIXTURE(Fixture, "a reply ends at max_tokens, at the end of the context, and at a stop text") {
  runtime.answer = "one two three four";
  const auto short_reply = ask("Hi", {.max_tokens = 7, .temperature = 0});
  CHECK(short_reply.text == "one two");
  CHECK(short_reply.finish == FinishReason::length);
  CHECK(short_reply.usage.completion_tokens == 7);

  const auto stopped = ask("Hi", {.temperature = 0, .stop = {"three", "e t"}});
  CHECK(stopped.text == "on");
  CHECK(stopped.finish == FinishReason::stop);

  const auto prompt = asks("Hi").prompt.size();
  start({.context_length = static_cast<int>(prompt) + 4});
  const auto cut = ask("Hi");
  CHECK(cut.text == "one t");  // the last token need not be computed
  CHECK(cut.finish == FinishReason::length);
}

TEST_CASE_FIXTURE(Fixture, "a prompt as long as the context gets one token, a longer one an error before any work") {
  const auto prompt = asks("Hi").prompt.size();
  start({.context_length = static_cast<int>(prompt)});
  CHECK(ask("Hi").text == "H");
  const int before = runtime.decodes;

  const auto error = error_of([&] { ask("Hi!"); });

  CHECK(error.code() == Errc::context_too_long);
  CHECK(error.info().actual == prompt + 1);
  CHECK(error.info().max == prompt);
  CHECK(std::string(error.what()) ==
        std::format("the prompt has {} tokens and `random` reads {}; shorten it, or raise context_length", prompt + 1,
                    prompt));
  CHECK(runtime.decodes == before);
}

TEST_CASE_FIXTURE(Fixture, "what a prompt shares with the call before is not computed again") {
  runtime.answer = "Hello there.";
  const auto first = ask("How do you do today?");
  const auto same = ask("How do you do today?");
  const auto other = ask("How are you?");

  const auto prompt = asks("How do you do today?").prompt.size();
  CHECK(first.usage.cache_read_tokens == 0);
  CHECK(same.usage.cache_read_tokens == prompt - 1);
  CHECK(other.usage.cache_read_tokens == std::string_view("<user\nHow ").size());
  CHECK(same.text == first.text);
  const auto stats = engine->stats();
  CHECK(stats.requests == 3);
  CHECK(stats.completed == 3);
  CHECK(stats.prompt_tokens == *first.usage.prompt_tokens + *same.usage.prompt_tokens + *other.usage.prompt_tokens);
  CHECK(stats.reused_tokens == *same.usage.cache_read_tokens + *other.usage.cache_read_tokens);
  CHECK(stats.computed_tokens == stats.prompt_tokens - stats.reused_tokens);
  CHECK(stats.completion_tokens == 36);
}

TEST_CASE_FIXTURE(Fixture, "a conversation that goes on reuses the reply as well") {
  Chat chat{{Role::user, "Hi"}};
  const auto generate = [&] {
    return wait(engine->generate({.prompt = model->tokenize(chat), .sampling = {.temperature = 0}}));
  };
  const auto first = generate();
  chat.push_back({Role::assistant, first.text});
  chat.push_back({Role::user, "Again"});

  const auto second = generate();

  // All but the reply's last byte, whose scores were enough.
  CHECK(second.usage.cache_read_tokens == *first.usage.prompt_tokens + *first.usage.completion_tokens);
}

TEST_CASE_FIXTURE(Fixture, "reuse can be off, and a model that cannot forget a part starts anew") {
  start({.reuse = false});
  ask("Hi");
  CHECK(ask("Hi").usage.cache_read_tokens == 0);

  runtime.forgets_parts = false;
  model = Model::load(folder / "fake.gguf", {}, {}, &runtime);
  start();
  ask("Hi");
  const auto reply = ask("Hi");
  CHECK(reply.text == "Hello!");
  CHECK(reply.usage.cache_read_tokens == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a prompt is read in steps no larger than asked, and small ones where replies must be reproducible") {
  start({.batch = 100});
  ask(std::string(500, 'x'));
  CHECK(runtime.largest_batch == 100);

  runtime.largest_batch = 0;
  start({.reproducible = true, .batch = 100});
  ask(std::string(500, 'x'));
  CHECK(runtime.largest_batch == 64);
}

TEST_CASE_FIXTURE(Fixture, "a stream gives whole characters, holds back what may be a stop, and counts") {
  runtime.answer = "né 😀. STOP!";
  std::vector<std::string> texts;
  std::optional<Usage> prompt;

  const auto reply =
      wait(engine->generate(asks("Hi", {.temperature = 0, .stop = {"STOP"}}), [&](const StreamEvent& event) {
        if (event.kind == StreamEvent::Kind::prompt_done) {
          prompt = event.usage;
          CHECK(texts.empty());
        } else {
          texts.emplace_back(event.text);
        }
      }));

  CHECK(texts == std::vector<std::string>{"n", "é", " ", "😀", ".", " "});
  CHECK(reply.text == "né 😀. ");
  REQUIRE(prompt);
  CHECK(prompt->prompt_tokens == reply.usage.prompt_tokens);
  CHECK(prompt->completion_tokens == 0);
}

TEST_CASE_FIXTURE(Fixture, "bytes that are not text become U+FFFD") {
  runtime.answer = "a\xFF\xC3";
  CHECK(ask("Hi").text == "a\uFFFD\uFFFD");
}

TEST_CASE_FIXTURE(Fixture, "what a sink throws ends the call, and the engine goes on") {
  runtime.answer = std::string(500, 'x');
  const auto error = error_of([&] {
    wait(engine->generate(asks("Hi"), [](const StreamEvent& event) {
      if (event.kind == StreamEvent::Kind::text) throw Error(Errc::io_error, "the pipe is closed");
    }));
  });
  CHECK(error.code() == Errc::io_error);

  runtime.answer = "Hello!";
  CHECK(ask("Hi").text == "Hello!");
}

TEST_CASE_FIXTURE(Fixture,
                  "a request can be stopped in the middle of its prompt and of its reply, and the next call works") {
  runtime.answer = std::string(300, 'x');
  for (const auto length : {3000, 10}) {
    CAPTURE(length);
    runtime.step_time = 20ms;
    std::stop_source source;
    auto work = asks(std::string(static_cast<std::size_t>(length), 'p'));
    work.stop = source.get_token();
    std::thread stopper([&] {
      std::this_thread::sleep_for(100ms);
      source.request_stop();
    });

    const auto start = std::chrono::steady_clock::now();
    const auto error = error_of([&] { wait(engine->generate(std::move(work))); });
    const auto took = std::chrono::steady_clock::now() - start;
    stopper.join();

    CHECK(error.code() == Errc::cancelled);
    CHECK(took < 1s);
    runtime.step_time = 0us;
    CHECK(ask("Hi", {.max_tokens = 5, .temperature = 0}).text == "xxxxx");
  }
  CHECK(engine->stats().cancelled == 2);
}

TEST_CASE_FIXTURE(Fixture, "a deadline ends a running request, and one that waits does not wait longer") {
  runtime.answer = std::string(3000, 'x');
  runtime.step_time = 5ms;
  start({.sequences = 1});
  const auto soon = [] { return std::chrono::steady_clock::now() + 60ms; };
  auto work = asks("alone");
  work.deadline = soon();
  const auto late = error_of([&] { wait(engine->generate(std::move(work))); });
  CHECK(late.code() == Errc::deadline_exceeded);
  CHECK(late.info().raw.starts_with("xx"));  // what was written so far

  std::stop_source source;
  std::thread first([&] {
    auto endless = asks("first");
    endless.stop = source.get_token();
    CHECK(error_of([&] { wait(engine->generate(std::move(endless))); }).code() == Errc::cancelled);
  });
  while (engine->stats().running == 0) std::this_thread::sleep_for(1ms);
  work = asks("second");
  work.deadline = soon();

  CHECK(error_of([&] { wait(engine->generate(std::move(work))); }).code() == Errc::deadline_exceeded);

  source.request_stop();
  first.join();
}

TEST_CASE_FIXTURE(Fixture, "a coroutine that is cancelled stops its request") {
  runtime.answer = std::string(3000, 'x');
  runtime.step_time = 2ms;
  boost::asio::io_context loop;
  boost::asio::cancellation_signal cancel;
  std::exception_ptr outcome;
  boost::asio::co_spawn(loop, engine->generate(asks("Hi")),
                        boost::asio::bind_cancellation_slot(
                            cancel.slot(), [&](std::exception_ptr error, const Generated&) { outcome = error; }));
  boost::asio::steady_timer timer(loop, 50ms);
  timer.async_wait([&](auto) { cancel.emit(boost::asio::cancellation_type::terminal); });

  loop.run();

  REQUIRE(outcome);
  CHECK(error_of([&] { std::rethrow_exception(outcome); }).code() == Errc::cancelled);
  runtime.step_time = 0us;
  CHECK(ask("Hi", {.max_tokens = 2, .temperature = 0}).text == "xx");
}

TEST_CASE_FIXTURE(Fixture, "a request that is ended early brings what was written so far") {
  runtime.answer = std::string(3000, 'x');
  runtime.step_time = 2ms;
  std::stop_source source;
  auto work = asks("Hi");
  work.stop = source.get_token();
  std::string streamed;
  const auto stopped = error_of([&] {
    wait(engine->generate(std::move(work), [&](const StreamEvent& event) {
      streamed += event.text;
      if (streamed.size() > 3) source.request_stop();
    }));
  });
  CHECK(stopped.code() == Errc::cancelled);
  CHECK(stopped.info().raw.starts_with(streamed));

  // Cancelled together with the coroutine, between two events.
  streamed.clear();
  boost::asio::io_context loop;
  boost::asio::cancellation_signal cancel;
  std::exception_ptr outcome;
  boost::asio::co_spawn(loop,
                        engine->generate(asks("Hi"),
                                         [&](const StreamEvent& event) {
                                           streamed += event.text;
                                           if (streamed.size() == 4)
                                             cancel.emit(boost::asio::cancellation_type::terminal);
                                         }),
                        boost::asio::bind_cancellation_slot(
                            cancel.slot(), [&](std::exception_ptr error, const Generated&) { outcome = error; }));
  loop.run();
  REQUIRE(outcome);
  const auto cancelled = error_of([&] { std::rethrow_exception(outcome); });
  CHECK(cancelled.code() == Errc::cancelled);
  CHECK(cancelled.info().raw == streamed);
}

TEST_CASE_FIXTURE(Fixture, "what an engine returned can be awaited when it has gone, and says so") {
  std::vector<Async<Generated>> replies;
  replies.push_back(engine->generate(asks("Hi")));
  auto several = engine->generate_n(asks("Hi"), 2);
  auto score = engine->score({.prompt = asks("Hi").prompt, .continuation = {65}});
  auto pins = engine->pin({65, 66});
  auto saves = engine->save({65, 66}, folder / "prefix.kv");
  engine.reset();

  CHECK(error_of([&] { wait(std::move(replies.front())); }).code() == Errc::model_not_loaded);
  CHECK(error_of([&] { wait(std::move(several)); }).code() == Errc::model_not_loaded);
  CHECK(error_of([&] { wait(std::move(score)); }).code() == Errc::model_not_loaded);
  CHECK(error_of([&] { wait(std::move(pins)); }).code() == Errc::model_not_loaded);
  CHECK(error_of([&] { wait(std::move(saves)); }).code() == Errc::model_not_loaded);
}

TEST_CASE_FIXTURE(Fixture, "an event loop that goes away takes its requests with it") {
  runtime.answer = std::string(3000, 'x');
  runtime.step_time = 2ms;
  {
    boost::asio::io_context loop;
    boost::asio::co_spawn(loop, engine->generate(asks("Hi"), [](const StreamEvent&) {}),
                          [](std::exception_ptr, const Generated&) {});
    loop.run_for(30ms);
  }
  runtime.step_time = 0us;
  CHECK(ask("Hi", {.max_tokens = 2, .temperature = 0}).text == "xx");
  CHECK(engine->stats().cancelled == 1);
}

TEST_CASE_FIXTURE(Fixture, "a full queue refuses one more request") {
  runtime.answer = std::string(1000, 'x');
  runtime.step_time = 5ms;
  start({.sequences = 1, .queue_limit = 1});
  std::stop_source source;
  std::vector<std::thread> callers;
  const auto call = [&] {
    auto work = asks("Hi");
    work.stop = source.get_token();
    CHECK(error_of([&] { wait(engine->generate(std::move(work))); }).code() == Errc::cancelled);
  };
  callers.emplace_back(call);
  std::this_thread::sleep_for(40ms);
  callers.emplace_back(call);
  while (engine->stats().queued == 0) std::this_thread::sleep_for(1ms);

  const auto error = error_of([&] { ask("Hi"); });

  CHECK(error.code() == Errc::rate_limit_exceeded);
  source.request_stop();
  for (auto& caller : callers) caller.join();
}

TEST_CASE_FIXTURE(Fixture, "an engine that is destroyed ends what runs and what waits") {
  runtime.answer = std::string(1000, 'x');
  runtime.step_time = 5ms;
  boost::asio::io_context loop;
  std::vector<std::exception_ptr> outcomes;
  for (int i = 0; i < 3; ++i) {
    boost::asio::co_spawn(loop, engine->generate(asks("Hi")),
                          [&](std::exception_ptr error, const Generated&) { outcomes.push_back(error); });
  }
  loop.run_for(30ms);

  engine.reset();
  loop.run();

  REQUIRE(outcomes.size() == 3);
  for (const auto& outcome : outcomes)
    CHECK(error_of([&] { std::rethrow_exception(outcome); }).code() == Errc::model_not_loaded);
}

TEST_CASE_FIXTURE(Fixture, "a step that fails ends its request alone; the engine makes a new context and goes on") {
  struct Case {
    std::string_view name;
    std::function<DecodeStatus()> fault;
    Errc code;
  };
  const std::vector<Case> cases = {
      {"invalid", [] { return DecodeStatus::invalid; }, Errc::inference_failed},
      {"broken", [] { return DecodeStatus::broken; }, Errc::inference_failed},
      {"full", [] { return DecodeStatus::no_room; }, Errc::inference_failed},
      {"thrown", []() -> DecodeStatus { throw Error(Errc::backend_error, "an assertion failed"); },
       Errc::backend_error},
      {"foreign", []() -> DecodeStatus { throw std::runtime_error("odd"); }, Errc::inference_failed},
  };
  for (const auto& [name, fault, code] : cases) {
    CAPTURE(name);
    ask("Hi");
    const int contexts = runtime.contexts;
    int steps = 0;
    runtime.on_decode = [&] { return ++steps == 3 ? fault() : DecodeStatus::ok; };

    CHECK(error_of([&] { ask("Hi"); }).code() == code);

    runtime.on_decode = nullptr;
    const auto reply = ask("Hi");
    CHECK(reply.text == "Hello!");
    CHECK(reply.usage.cache_read_tokens == 0);
    CHECK(runtime.contexts == contexts + 1);
  }
  CHECK(engine->stats().failed == cases.size());
}

TEST_CASE_FIXTURE(Fixture, "scores that are not numbers are an error, not a token") {
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::infinity()}) {
    CAPTURE(broken);
    runtime.all_logits = broken;
    CHECK(error_of([&] { ask("Hi"); }).code() == Errc::inference_failed);
    CHECK(error_of([&] { ask("Hi", {.temperature = 1}); }).code() == Errc::inference_failed);
  }
}

TEST_CASE_FIXTURE(Fixture, "suppressed tokens are never chosen") {
  runtime.suppressed = {'H'};
  model = Model::load(folder / "fake.gguf", {}, {}, &runtime);
  start();
  CHECK(ask("Hi", {.max_tokens = 1, .temperature = 0}).text != "H");
}

TEST_CASE_FIXTURE(Fixture, "requests from eight threads are each answered") {
  std::vector<std::thread> callers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round)
        right += ask(std::format("question {} of {}", round, i)).text == "Hello!";
    });
  }
  for (auto& caller : callers) caller.join();

  CHECK(right == 160);
  CHECK(engine->stats().completed == 160);
  CHECK(engine->stats().queued == 0);
}

TEST_CASE_FIXTURE(Fixture, "options and requests outside their range are refused by name") {
  struct Case {
    EngineOptions options;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {{.context_length = 0}, "context_length is 0; it must be at least 1"},
      {{.context_length = -5}, "context_length is -5; it must be at least 1"},
      {{.queue_limit = 0}, "queue_limit is 0; it must be at least 1"},
      {{.sequences = 0}, "sequences is 0; it must be between 1 and 96"},
      {{.sequences = 97}, "sequences is 97; it must be between 1 and 96"},
      {{.collect = -1ms}, "collect is -1; it must be at least 0"},
      {{.micro_batch = -1}, "micro_batch is -1; it must be at least 1, or 0 for all of a step"},
      {{.prefill_chunk = 0}, "prefill_chunk is 0; it must be at least 1"},
      {{.kv_tokens = -1}, "kv_tokens is -1; it must be at least 1, or 0 for automatic"},
      {{.host_bytes = -1}, "host_bytes is -1; it must be at least 0"},
      {{.threads = -1}, "threads is -1; it must be between 1 and 512, or 0 for automatic"},
      {{.batch = 0}, "batch is 0; it must be at least 1"},
  };
  for (const auto& [options, message] : cases) {
    CAPTURE(message);
    const auto error = error_of([&] { Engine(model, options); });
    CHECK(error.code() == Errc::invalid_parameter);
    CHECK(std::string(error.what()) == message);
  }
  CHECK(error_of([&] { wait(engine->generate({})); }).code() == Errc::invalid_parameter);
  CHECK(error_of([&] { wait(engine->generate({.prompt = {1, 999}})); }).code() == Errc::invalid_parameter);
  CHECK(error_of([&] { ask("Hi", {.max_tokens = 0}); }).code() == Errc::invalid_parameter);
  auto work = asks("Hi");
  work.bias = {{.token = 1, .bias = std::numeric_limits<float>::quiet_NaN()}};
  CHECK(error_of([&] { wait(engine->generate(work)); }).code() == Errc::invalid_parameter);
  work = asks("Hi");
  work.sampling.presence_penalty = std::numeric_limits<double>::infinity();
  CHECK(error_of([&] { wait(engine->generate(work)); }).code() == Errc::invalid_parameter);
}

TEST_CASE_FIXTURE(Fixture, "a bias forbids a token, in one request alone") {
  auto work = asks("Hi", {.max_tokens = 1, .temperature = 0});
  work.bias = {{.token = 'H', .bias = -std::numeric_limits<float>::infinity()}};
  CHECK(wait(engine->generate(work)).text != "H");
  CHECK(ask("Hi", {.max_tokens = 1, .temperature = 0}).text == "H");
}

TEST_CASE_FIXTURE(Fixture, "the context is at most what the model was trained for") {
  start({.context_length = 1'000'000});
  CHECK(engine->options().context_length == 4096);
}

}  // namespace
}  // namespace dspy::llama
