#include "dspy/bulk/queue/worker.hpp"

#include "dspy/base/error.hpp"
#include "dspy/bulk/queue/row_queue.hpp"
#include "dspy/bulk/queue/shared_limits.hpp"
#include "dspy/lm/prices.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"
#include "storage/redis_connection.hpp"
#include "support/cache_server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

/// A queue in memory, whose rows of the dead come back as those of a server do.
class MemoryQueue final : public RowQueue {
 public:
  explicit MemoryQueue(std::vector<std::string> rows, std::chrono::milliseconds patience = 50ms) : patience_(patience) {
    for (auto& row : rows) rows_.emplace(std::format("{:06}", rows_.size()), Row{.text = std::move(row)});
  }

  std::vector<QueuedRow> take(std::size_t count) override {
    const std::lock_guard lock(mutex_);
    if (is_gone) throw Error(Errc::io_error, "the queue is gone");
    std::vector<QueuedRow> out;
    const auto now = std::chrono::steady_clock::now();
    for (auto& [id, row] : rows_) {
      if (out.size() == count) break;
      if (row.deliveries > 0 && now - row.kept < patience_) continue;
      row.kept = now;
      out.push_back({.id = id, .text = row.text, .deliveries = ++row.deliveries});
    }
    return out;
  }
  std::vector<std::string> keep(const std::vector<std::string>& ids) override {
    const std::lock_guard lock(mutex_);
    for (const auto& id : ids) {
      if (const auto found = rows_.find(id); found != rows_.end())
        found->second.kept = std::chrono::steady_clock::now();
    }
    return {};
  }
  bool is_answered(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    return answers.contains(std::string(key));
  }
  bool finish(const std::string& id, std::string_view key, std::string_view answer) override {
    const std::lock_guard lock(mutex_);
    rows_.erase(id);
    return !answer.empty() && answers.emplace(key, answer).second;
  }
  void bury(const QueuedRow& row, std::string_view why) override {
    const std::lock_guard lock(mutex_);
    rows_.erase(row.id);
    reason = why;
    deliveries = row.deliveries;
    buried.push_back(row.text);
  }
  std::uint64_t size() override {
    const std::lock_guard lock(mutex_);
    return rows_.size();
  }
  std::chrono::milliseconds patience() const noexcept override { return patience_; }

  std::map<std::string, std::string> answers;
  std::vector<std::string> buried;
  std::string reason;
  std::uint64_t deliveries = 0;
  std::atomic<bool> is_gone = false;

 private:
  struct Row {
    std::string text = {};
    std::uint64_t deliveries = 0;
    std::chrono::steady_clock::time_point kept = {};
  };

  std::mutex mutex_;
  std::chrono::milliseconds patience_;
  std::map<std::string, Row> rows_;
};

std::vector<std::string> rows(int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back(std::format(R"({{"question": "row {}"}})", i));
  return out;
}

Program program(std::function<std::string(const Request&)> say) {
  return Predictor(Signature::parse("question -> answer"),
                   {.lm = std::make_shared<ScriptedLM>(std::move(say)), .policy = {.ask_again = 0}});
}

Program program() {
  return program([](const Request&) { return "Answer: yes"; });
}

}  // namespace

TEST_CASE("A worker answers each row of a queue once, equal rows together") {
  auto all = rows(40);
  all.push_back(all.front());
  all.emplace_back("no json");
  MemoryQueue queue(all);
  const auto report = run_worker(program(), "v", queue, {.concurrency = 4, .until_empty = true, .poll = 5ms});
  CHECK(report.rows == 41);
  CHECK(report.resumed == 1);
  CHECK(report.failed == 1);
  CHECK(queue.answers.size() == 41);
  CHECK(queue.size() == 0);
}

TEST_CASE("A row that is worked on for longer than the queue's patience is kept") {
  MemoryQueue queue(rows(3), 40ms);
  std::atomic<int> calls = 0;
  const auto slow = program([&](const Request&) {
    ++calls;
    std::this_thread::sleep_for(1ms);
    return "Answer: yes";
  });
  const auto report = run_worker(slow, "v", queue, {.concurrency = 1, .until_empty = true, .poll = 5ms});
  CHECK(report.rows == 3);
  CHECK(calls.load() == 3);
}

TEST_CASE("A row that passes is handed out again, and set aside when that does not help") {
  MemoryQueue queue(rows(2), 20ms);
  std::atomic<int> tries = 0;
  const auto failing = program([&](const Request& request) -> std::string {
    if (request.messages.back().text().find("row 1") == std::string::npos) return "Answer: yes";
    ++tries;
    throw Error(Errc::timeout, "no answer");
  });
  const auto report =
      run_worker(failing, "v", queue, {.concurrency = 2, .max_deliveries = 3, .until_empty = true, .poll = 5ms});
  CHECK(tries.load() == 3);
  CHECK(report.again == 2);
  CHECK(report.failed == 1);
  CHECK(queue.reason == "it was handed out 3 times; the last error: no answer");
  CHECK(queue.deliveries == 3);
  CHECK(queue.answers.size() == 1);
  REQUIRE(queue.buried.size() == 1);
  CHECK(queue.buried[0] == R"({"question": "row 1"})");
}

TEST_CASE("A queue that is gone ends the work with its error") {
  MemoryQueue queue(rows(2));
  queue.is_gone = true;
  CHECK_THROWS_WITH_AS(run_worker(program(), "v", queue), "the queue is gone", Error);
}

TEST_CASE("Workers over a server's stream: the dead one's rows are another's, and each answer stands there once") {
  test::CacheServer server;
  if (!server.is_there()) return;
  const auto url = server.url();
  enqueue(url, "q", rows(60));
  // A worker that takes rows and dies: it never keeps nor finishes them.
  const auto dead = redis_queue(url, {.name = "q", .consumer = "dead", .patience = 300ms});
  CHECK(dead->take(10).size() == 10);
  std::vector<std::jthread> threads;
  std::atomic<std::uint64_t> answered = 0;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto queue = redis_queue(url, {.name = "q", .patience = 300ms});
      answered += run_worker(program(), "v", *queue, {.concurrency = 4, .until_empty = true, .poll = 10ms}).rows;
    });
  }
  threads.clear();
  CHECK(answered.load() == 60);
  storage::RedisConnection connection(storage::RedisAddress::parse(url), std::chrono::steady_clock::now() + 5s);
  const auto count = [&](std::string_view name) {
    return connection.ask({"XLEN", name}, std::chrono::steady_clock::now() + 5s).integer;
  };
  CHECK(count("q") == 0);
  CHECK(count("q:out") == 60);
  CHECK(connection.ask({"HLEN", "q:done"}, std::chrono::steady_clock::now() + 5s).integer == 60);

  // What was answered is not asked again, though it is put there again.
  enqueue(url, "q", rows(5));
  const auto queue = redis_queue(url, {.name = "q"});
  const auto again = run_worker(program([](const Request&) -> std::string { throw Error(Errc::timeout, "asked"); }),
                                "v", *queue, {.until_empty = true, .poll = 10ms});
  CHECK(again.resumed == 5);
  CHECK(count("q:out") == 60);

  // A heartbeat keeps a row from others; without it, it goes to them.
  enqueue(url, "slow", rows(1));
  const auto first = redis_queue(url, {.name = "slow", .consumer = "first", .patience = 200ms});
  const auto second = redis_queue(url, {.name = "slow", .consumer = "second", .patience = 200ms});
  const auto held = first->take(1);
  REQUIRE(held.size() == 1);
  for (int i = 0; i < 4; ++i) {
    std::this_thread::sleep_for(100ms);
    CHECK(first->keep({held[0].id}).empty());
    CHECK(second->take(1).empty());
  }
  std::this_thread::sleep_for(300ms);
  const auto taken = second->take(1);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].deliveries == 2);
  CHECK(first->keep({held[0].id}) == std::vector<std::string>{held[0].id});
  CHECK(second->finish(taken[0].id, "k", "{}"));
  CHECK(second->finish(taken[0].id, "k", "{}"));  // as after a connection that broke behind the first
  CHECK_FALSE(first->finish("1-1", "k", "{}"));
  CHECK(count("slow:out") == 1);
  second->bury({.id = "9-9", .text = "{}"}, "not there");
  CHECK(count("slow:dead") == 0);
}

TEST_CASE("A server that is gone for too long is told with its address, and without a password") {
  const auto queue = redis_queue("redis://user:secret-word@127.0.0.1:1/0", {.outage = 50ms});
  try {
    queue->take(1);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::io_error);
    CHECK(std::string_view(error.what()).find("127.0.0.1:1") != std::string_view::npos);
    CHECK(std::string_view(error.what()).find("secret-word") == std::string_view::npos);
  }
  CHECK_THROWS_WITH_AS(redis_queue("http://127.0.0.1"),
                       "the address of the queue's server, `http://127.0.0.1`, does not begin with redis:// or "
                       "valkey://, nor for TLS with rediss:// or valkeys://; write redis://host:6379/0",
                       Error);
}

TEST_CASE("What a server refuses for good is told at once") {
  test::CacheServer server;
  if (!server.is_there()) return;
  storage::RedisConnection connection(storage::RedisAddress::parse(server.url()),
                                      std::chrono::steady_clock::now() + 5s);
  connection.ask({"SET", "q", "text"}, std::chrono::steady_clock::now() + 5s);
  const auto begun = std::chrono::steady_clock::now();
  try {
    redis_queue(server.url(), {.name = "q"})->take(1);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::config_error);
    CHECK(std::string_view(error.what()).starts_with("the queue's server "));
  }
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("A budget and a rate hold for all that share them") {
  test::CacheServer server;
  if (!server.is_there()) return;
  const SharedLimitOptions options{.budget_requests = 7, .assumed_completion_tokens = 10};
  std::atomic<int> asked = 0, refused = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto lm =
          limited(std::make_shared<ScriptedLM>(std::function<std::string(const Request&)>([&](const Request&) {
                    ++asked;
                    return "Answer: yes";
                  })),
                  std::make_shared<SharedLimits>(server.url(), "budget", options));
      const Predictor predictor(Signature::parse("question -> answer"), {.lm = lm});
      for (int j = 0; j < 4; ++j) {
        try {
          predictor({{"question", "?"}});
        } catch (const Error& error) {
          CHECK(error.code() == Errc::token_budget_exhausted);
          CHECK(error.info().limit == 7);
          ++refused;
        }
      }
    });
  }
  threads.clear();
  CHECK(asked.load() == 7);
  CHECK(refused.load() == 9);

  SharedLimits rate(server.url(), "rate", {.requests_per_minute = 6'000, .burst_seconds = 0.05});
  const auto begun = std::chrono::steady_clock::now();
  for (int made = 0; made < 25;) {
    const auto pause = rate.claim(1);
    if (pause.count() == 0) {
      ++made;
    } else {
      std::this_thread::sleep_for(pause);
    }
  }
  // 5 at once, then one each 10 ms.
  const auto time = std::chrono::steady_clock::now() - begun;
  CHECK(time >= 190ms);
  CHECK(time < 5s);
  SharedLimits tokens(server.url(), "tokens", {.budget_tokens = 100});
  CHECK(tokens.claim(90).count() == 0);
  CHECK_THROWS_AS(tokens.claim(20), Error);
  tokens.settle(90, 30);
  CHECK(tokens.claim(70).count() == 0);
}

TEST_CASE("A budget of money holds for all that share it, and needs prices") {
  const test::CacheServer server;
  if (!server.is_there()) return;
  SharedLimits money(server.url(), "money", {.budget_nanodollars = 1'000});
  CHECK(money.claim({.tokens = 1, .nanodollars = 900}).count() == 0);
  CHECK_THROWS_AS(money.claim({.tokens = 1, .nanodollars = 200}), Error);
  money.settle({.tokens = 1, .nanodollars = 900}, {.tokens = 1, .nanodollars = 100});
  CHECK(money.claim({.tokens = 1, .nanodollars = 900}).count() == 0);
  CHECK_THROWS_AS(money.claim(1), Error);  // what it costs is not known

  const auto prices = std::make_shared<const PriceTable>(PriceTable::from_json(
      {{"date", "2026-01-01"}, {"models", JsonObject{{"scripted", JsonObject{{"prompt", 1}, {"completion", 2}}}}}}));
  const auto shared = std::make_shared<SharedLimits>(
      server.url(), "money of models",
      SharedLimitOptions{.budget_nanodollars = 1'000'000, .assumed_completion_tokens = 100});
  const auto scripted = std::make_shared<ScriptedLM>(
      std::function<std::string(const Request&)>([](const Request&) { return "Answer: yes"; }));
  const Predictor predictor(Signature::parse("question -> answer"), {.lm = limited(scripted, shared, prices)});
  int answered = 0;
  const auto spent = attempt([&] {
    while (answered < 10'000) {
      predictor({{"question", "?"}});
      ++answered;
    }
  });
  REQUIRE_FALSE(spent);
  CHECK(spent.error().code() == Errc::token_budget_exhausted);
  CHECK(std::string(spent.error().what()).contains("$0.001000"));
  CHECK(answered > 0);
  CHECK_THROWS_AS(limited(scripted, shared, std::make_shared<const PriceTable>()), Error);
}
