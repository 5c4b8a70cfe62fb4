#include "llama/engine/scheduler.hpp"

#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <format>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

using namespace std::chrono_literals;
using test::error_of;

/// The fake answers with what stands between the last two marks of the prompt: the question.
std::string echo(std::string_view prompt) {
  const auto end = prompt.rfind(static_cast<char>(test::FakeRuntime::im_end));
  if (end == std::string_view::npos) return "a reply to no question";
  const auto start = prompt.rfind("user\n", end) + 5;
  return "re: " + std::string(prompt.substr(start, end - start));
}

struct Fixture : test::EngineFixture {
  Fixture() { runtime.answers = echo; }

  /// Asks all at once, one thread each; the replies' texts.
  std::vector<std::string> ask_all(const std::vector<std::string>& questions, int max_tokens = 100) {
    std::vector<std::string> replies(questions.size());
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < questions.size(); ++i)
      callers.emplace_back(
          [&, i] { replies[i] = ask(questions[i], {.max_tokens = max_tokens, .temperature = 0}).text; });
    for (auto& caller : callers) caller.join();
    return replies;
  }
};

TEST_CASE_FIXTURE(Fixture, "requests run together, and each gets its own reply") {
  runtime.step_time = 500us;
  std::vector<std::string> questions, wanted;
  for (int i = 0; i < 12; ++i) {
    questions.push_back(std::format("question {} {}", i, std::string(static_cast<std::size_t>(i * 7), 'x')));
    wanted.push_back("re: " + questions.back());
  }

  CHECK(ask_all(questions, 300) == wanted);

  const auto stats = engine->stats();
  CHECK(stats.most_running > 1);
  CHECK(stats.completed == 12);
  CHECK(stats.step_tokens + stats.filling_tokens == static_cast<std::uint64_t>(runtime.computed));
  CHECK(stats.steps < stats.completion_tokens);
  CHECK(runtime.largest_batch <= engine->options().batch);
}

TEST_CASE_FIXTURE(Fixture, "what the prompts of a burst have in common is computed once") {
  runtime.step_time = 500us;
  const std::string common(900, 'c');
  std::vector<std::string> questions;
  for (int i = 0; i < 10; ++i) questions.push_back(common + std::to_string(i));

  const auto replies = ask_all(questions, 8);

  for (const auto& reply : replies) CHECK(reply == "re: cccc");
  // The common part once; for each its own end and its reply.
  CHECK(runtime.computed < 1000 + 10 * 50);
  CHECK(engine->stats().reused_tokens > 9 * 850);
}

/// A request that runs until it goes away.
class Endless {
 public:
  explicit Endless(Fixture& fixture) : engine_(*fixture.engine) {
    auto work = fixture.asks(std::string(1900, 'e'), {.max_tokens = 1900, .temperature = 0});
    work.stop = source_.get_token();
    const auto before = engine_.stats().steps;
    caller_ = std::thread([this, work = std::move(work)]() mutable {
      static_cast<void>(attempt([&] { return wait(engine_.generate(std::move(work))); }));
    });
    // Until it writes.
    while (engine_.stats().steps < before + 60) std::this_thread::sleep_for(100us);
  }
  ~Endless() {
    source_.request_stop();
    caller_.join();
  }
  Endless(const Endless&) = delete;
  Endless& operator=(const Endless&) = delete;

 private:
  Engine& engine_;
  std::stop_source source_;
  std::thread caller_;
};

TEST_CASE_FIXTURE(Fixture, "prompts are read beside replies, in slices that do not hold them up") {
  start({.batch = 200, .prefill_chunk = 30, .speculation = Speculation::off});
  runtime.step_time = 3ms;
  const Endless talker(*this);
  runtime.largest_batch = 0;
  ask(std::string(600, 'p'), {.max_tokens = 2, .temperature = 0});
  CHECK(runtime.largest_batch >= 31);
  CHECK(runtime.largest_batch <= 32);  // filled up
}

TEST_CASE_FIXTURE(Fixture, "who matters more starts first, and who waits is not passed over forever") {
  std::mutex mutex;
  std::vector<std::string> order;  // as the engine writes the first token of each
  runtime.answers = [&](std::string_view prompt) {
    auto reply = echo(prompt);
    const std::lock_guard lock(mutex);
    if (reply.starts_with("re: p") && (order.empty() || order.back() != reply)) order.push_back(reply);
    return reply;
  };
  start({.sequences = 1});
  runtime.step_time = 1ms;
  std::vector<std::jthread> callers;
  const auto call = [&](const std::string& name, int priority, std::size_t queued) {
    callers.emplace_back([&, name, priority] {
      auto work = asks(name, {.max_tokens = 1, .temperature = 0});
      work.priority = priority;
      wait(engine->generate(std::move(work)));
    });
    while (engine->stats().queued < queued) std::this_thread::sleep_for(100us);
  };
  {
    const Endless blocker(*this);
    call("p0", 0, 1);
    call("p1", 1, 2);
    call("p-1", -1, 3);
    call("p1, later", 1, 4);
  }
  callers.clear();
  CHECK(order == std::vector<std::string>{"re: p1", "re: p1, later", "re: p0", "re: p-1"});

  // Behind a stream of more important ones.
  std::atomic<bool> served = false;
  std::atomic<int> passed = 0;
  std::vector<std::jthread> stream;
  {
    const Endless blocker(*this);
    callers.emplace_back([&] {
      auto work = asks("humble", {.max_tokens = 1, .temperature = 0});
      work.priority = -5;
      wait(engine->generate(std::move(work)));
      served = true;
    });
    while (engine->stats().queued < 1) std::this_thread::sleep_for(100us);
    for (int i = 0; i < 4; ++i)
      stream.emplace_back([&] {
        while (!served && passed < 1000) {
          ask("important", {.max_tokens = 1, .temperature = 0});
          ++passed;
        }
      });
  }
  stream.clear();
  callers.clear();
  CHECK(served);
  CHECK(passed < Scheduler::patience + 20);
}

TEST_CASE_FIXTURE(Fixture, "the KV budget is never exceeded; who does not fit waits") {
  start({.context_length = 256, .sequences = 8, .kv_tokens = 256});
  std::vector<std::string> questions, wanted;
  for (int i = 0; i < 30; ++i) {
    questions.push_back(std::format("{} {}", std::string(static_cast<std::size_t>(i * 3), 'q'), i));
    wanted.push_back("re: " + questions.back());
  }

  const auto replies = ask_all(questions, 110);

  CHECK(replies == wanted);
  CHECK(runtime.most_cells <= 256);
  CHECK(engine->stats().kv_tokens == 256);
  CHECK(engine->stats().kv_free == 256 - engine->stats().cached_tokens);
}

TEST_CASE_FIXTURE(Fixture, "prompts that begin alike and have no room beside each other come back from host memory") {
  start({.context_length = 600, .sequences = 1, .kv_tokens = 768});
  const auto first = model->tokenize(Chat{{Role::user, "a"}});
  REQUIRE(common_prefix(first, model->tokenize(Chat{{Role::user, "b"}})) > 0);
  for (int round = 0; round < 3; ++round) {
    for (const char c : {'a', 'b', 'c'}) {
      const auto reply = ask(std::string(450, c), {.max_tokens = 4, .temperature = 0});
      if (round > 0) CHECK(reply.usage.cache_read_tokens > 450);
    }
  }
  CHECK(engine->stats().restored_tokens > 6 * 450);
  CHECK(engine->stats().evicted_tokens == 0);
}

TEST_CASE_FIXTURE(Fixture, "prompts that take turns come back from host memory, not from computing") {
  const auto prompt = [](char c) { return std::string(400, c); };
  for (int round = 0; round < 3; ++round) {
    for (const char c : {'a', 'b', 'c'}) {
      const auto reply = ask(prompt(c), {.max_tokens = 4, .temperature = 0});
      if (round > 0) CHECK(reply.usage.cache_read_tokens > 400);
    }
  }
  const auto stats = engine->stats();
  CHECK(stats.stored_tokens > 0);
  CHECK(stats.restored_tokens > 0);
  CHECK(stats.host_bytes > 0);
  CHECK(stats.evicted_tokens == 0);

  engine->clear();
  CHECK(engine->stats().host_bytes == 0);
  CHECK(ask(prompt('a'), {.max_tokens = 4, .temperature = 0}).usage.cache_read_tokens == 0);

  start({.kv_tokens = 1100, .host_bytes = 0});
  for (const char c : {'a', 'b', 'c', 'a'}) ask(prompt(c), {.max_tokens = 300, .temperature = 0});
  CHECK(engine->stats().evicted_tokens > 0);
  CHECK(engine->stats().host_bytes == 0);
}

TEST_CASE_FIXTURE(Fixture, "a pinned prompt stays when others push it out, until it is unpinned") {
  start({.kv_tokens = 900, .host_bytes = 6400});
  const auto prefix = model->tokenize(std::string(300, 'P'));
  const auto use = [&] {
    auto tokens = prefix;
    tokens.push_back('?');
    return wait(engine->generate({.prompt = tokens, .sampling = {.max_tokens = 1, .temperature = 0}}))
        .usage.cache_read_tokens;
  };
  const auto crowd = [&] {
    for (char c = 'a'; c < 'h'; ++c) ask(std::string(500, c), {.max_tokens = 200, .temperature = 0});
  };
  wait(engine->pin(prefix));
  crowd();
  CHECK(use() == 300);
  CHECK(engine->unpin(prefix));
  CHECK_FALSE(engine->unpin(prefix));
  crowd();
  CHECK(use() == 0);
  CHECK(error_of([&] { wait(engine->pin({})); }).code() == Errc::invalid_parameter);
}

TEST_CASE_FIXTURE(Fixture, "a pin outlives a step that fails: its prompt is kept again once it was computed again") {
  start({.kv_tokens = 900, .host_bytes = 6400});
  const auto prefix = model->tokenize(std::string(300, 'P'));
  const auto use = [&] {
    auto tokens = prefix;
    tokens.push_back('?');
    return wait(engine->generate({.prompt = tokens, .sampling = {.max_tokens = 1, .temperature = 0}}))
        .usage.cache_read_tokens;
  };
  wait(engine->pin(prefix));
  runtime.on_decode = [failures = 1]() mutable { return failures-- > 0 ? DecodeStatus::broken : DecodeStatus::ok; };
  CHECK(error_of([&] { ask("Hi"); }).code() == Errc::inference_failed);

  CHECK(use() == 0);
  for (char c = 'a'; c < 'h'; ++c) ask(std::string(500, c), {.max_tokens = 200, .temperature = 0});

  CHECK(use() == 300);
  CHECK(engine->unpin(prefix));
}

TEST_CASE_FIXTURE(Fixture, "a prefix is saved, and known to another engine without computing") {
  const auto prefix = model->tokenize(std::string(500, 's'));
  const auto file = folder / "prefix.kv";
  wait(engine->save(prefix, file));
  start();
  const int computed = runtime.computed;

  CHECK(engine->load(file) == prefix);

  CHECK(runtime.computed == computed);
  auto tokens = prefix;
  tokens.push_back('?');
  const auto usage = wait(engine->generate({.prompt = tokens, .sampling = {.max_tokens = 1, .temperature = 0}})).usage;
  CHECK(usage.cache_read_tokens == 500);
  CHECK(engine->load(file) == prefix);  // again is not harm

  start({.kv_tokens = 100});
  CHECK(error_of([&] { engine->load(file); }).code() == Errc::rate_limit_exceeded);
}

TEST_CASE_FIXTURE(Fixture, "an engine that keeps no prompts says so") {
  start({.reuse = false});
  CHECK(ask("Hi").text == "re: Hi");
  for (const auto& work : std::vector<std::function<void()>>{
           [&] { engine->clear(); },
           [&] { wait(engine->pin({1})); },
           [&] { wait(engine->save({1}, folder / "x")); },
       }) {
    const auto error = error_of(work);
    CHECK(error.code() == Errc::invalid_parameter);
    CHECK(std::string(error.what()) == "`random` keeps no prompts: its engine was made with reuse off");
  }
}

TEST_CASE_FIXTURE(Fixture, "callers wait at a full queue where that is asked for; an idle engine may collect") {
  start({.sequences = 1, .queue_limit = 1, .when_full = WhenFull::wait});
  std::vector<std::string> questions(20, "same");
  for (const auto& reply : ask_all(questions)) CHECK(reply == "re: same");

  // No more than the limit are in the queue, and who waits for a place can give up.
  start({.sequences = 1, .queue_limit = 2, .when_full = WhenFull::wait});
  runtime.step_time = 1ms;
  std::vector<std::jthread> callers;
  std::atomic<int> answered = 0, late = 0;
  {
    const Endless blocker(*this);
    for (int i = 0; i < 7; ++i) {
      callers.emplace_back([&, i] {
        auto work = asks("same");
        if (i == 6) work.deadline = std::chrono::steady_clock::now() + 30ms;
        const auto reply = attempt([&] { return wait(engine->generate(std::move(work))); });
        ++(reply ? answered : late);
      });
      while (engine->stats().queued + engine->stats().held_back < static_cast<std::size_t>(i) + 1)
        std::this_thread::sleep_for(100us);
    }
    CHECK(engine->stats().queued == 2);
    CHECK(engine->stats().held_back >= 4);
    while (late == 0) std::this_thread::sleep_for(1ms);
    CHECK(engine->stats().queued == 2);
  }
  callers.clear();
  CHECK(answered == 6);
  CHECK(late == 1);
  runtime.step_time = 0us;

  start({.sequences = 4, .collect = 30000ms});
  const auto before = std::chrono::steady_clock::now();
  ask_all({"a", "b", "c", "d"});
  CHECK(std::chrono::steady_clock::now() - before < 25000ms);  // did not wait for a fifth
  CHECK(engine->stats().most_running >= 2);
}

TEST_CASE_FIXTURE(Fixture, "a step that fails ends what was in it, and the engine goes on") {
  runtime.step_time = 1ms;
  std::atomic<int> steps = 0;
  runtime.on_decode = [&] { return ++steps == 20 ? DecodeStatus::broken : DecodeStatus::ok; };
  std::atomic<int> failed = 0, right = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i)
    callers.emplace_back([&, i] {
      const auto question = std::format("{} {}", i, std::string(100, 'x'));
      const auto reply = attempt([&] { return ask(question, {.max_tokens = 200, .temperature = 0}); });
      if (reply)
        right += reply->text == "re: " + question;
      else
        failed += reply.error().code() == Errc::inference_failed;
    });
  for (auto& caller : callers) caller.join();

  CHECK(failed + right == 6);
  CHECK(failed > 0);
  CHECK(ask("next").text == "re: next");
}

TEST_CASE_FIXTURE(Fixture,
                  "thousands of requests, cancelled at any time: each reply is its own, nothing is left over") {
  start({.context_length = 400, .sequences = 6, .kv_tokens = 700, .host_bytes = 20000});
  const std::vector<std::string> starts = {"", std::string(60, 'A'), std::string(60, 'A') + std::string(40, 'B'),
                                           std::string(150, 'C')};
  std::atomic<int> right = 0, wrong = 0, gone = 0;
  std::vector<std::thread> callers;
  for (unsigned caller = 0; caller < 8; ++caller)
    callers.emplace_back([&, caller] {
      std::mt19937 random(caller);
      for (int i = 0; i < 250; ++i) {
        const auto question = std::format("{}{}-{}", starts[random() % starts.size()], caller, i);
        auto work = asks(question, {.max_tokens = 190, .temperature = 0});
        std::stop_source source;
        work.stop = source.get_token();
        if (random() % 8 == 0)
          work.deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3000);
        work.priority = static_cast<int>(random() % 3);
        const bool cancels = random() % 4 == 0;
        std::jthread stopper;
        if (cancels)
          stopper = std::jthread([&source, delay = random() % 2000] {
            std::this_thread::sleep_for(std::chrono::microseconds(delay));
            source.request_stop();
          });
        const auto reply = attempt([&] { return wait(engine->generate(std::move(work))); });
        if (!reply)
          gone += reply.error().code() == Errc::cancelled || reply.error().code() == Errc::deadline_exceeded;
        else
          ++(reply->text == "re: " + question ? right : wrong);
      }
    });
  for (auto& caller : callers) caller.join();

  CHECK(wrong == 0);
  CHECK(right + gone == 2000);
  CHECK(right > 500);
  CHECK(runtime.most_cells <= 700);
  const auto stats = engine->stats();
  CHECK(stats.running == 0);
  CHECK(stats.failed == 0);
  CHECK(stats.completed + stats.cancelled == 2000);
  engine->clear();
  CHECK(engine->stats().kv_free == 700);
}

}  // namespace
}  // namespace dspy::llama
