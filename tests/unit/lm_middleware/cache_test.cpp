#include "dspy/lm/middleware/cache.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

/// A tier in a map, which remembers what it was asked.
class MapStore final : public CacheStore {
 public:
  std::map<std::string, CacheEntry, std::less<>> entries;
  int finds = 0;

  ReplySource source() const noexcept override { return ReplySource::disk; }
  std::optional<CacheEntry> find(std::string_view key, CacheTime now) noexcept override {
    ++finds;
    const auto found = entries.find(key);
    if (found == entries.end() || (found->second.expires && *found->second.expires <= now)) return {};
    return found->second;
  }
  void put(CacheEntry entry) noexcept override { entries[entry.key] = std::move(entry); }
  std::size_t erase(const CacheFilter&, CacheTime) override { return std::exchange(entries, {}).size(); }
  void each(const std::function<void(const CacheEntry&)>& visit) override {
    for (const auto& [unused, entry] : entries) visit(entry);
  }
  void flush() override {}
  CacheStats stats() override { return {.entries = entries.size()}; }
};

/// Waits for a moment before it answers, so that others come meanwhile.
class SlowLM : public LM {
 public:
  explicit SlowLM(std::chrono::milliseconds time, bool fails = false) : time_(time), fails_(fails) {}

  std::string_view model() const noexcept override { return "slow"; }
  Async<Reply> complete(Request request) override { return answer(calls, time_, fails_, std::move(request)); }

  const std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);

 private:
  static Async<Reply> answer(std::shared_ptr<std::atomic<int>> calls, std::chrono::milliseconds time, bool fails,
                             Request request) {
    const int number = ++*calls;
    co_await sleep(time, request.stop);
    if (fails) throw Error(Errc::unavailable, "gone");
    co_return Reply(Completion{.text = "answer " + std::to_string(number)},
                    {.requests = 1, .prompt_tokens = 4, .completion_tokens = 2, .cost_nanodollars = 70});
  }

  std::chrono::milliseconds time_;
  bool fails_;
};

Request with_metadata(Request request, std::string_view name, Json value) {
  auto options = request.provider_options();
  options.metadata[name] = std::move(value);
  request.provider = std::make_shared<const ProviderOptions>(std::move(options));
  return request;
}

}  // namespace

TEST_CASE("A request that was answered before is answered from the cache, at no cost") {
  const auto inner = std::make_shared<SlowLM>(0ms);
  const auto lm = cached()(inner);

  const auto first = wait(lm->complete(ask("Hello")));
  auto second = wait(lm->complete(ask("Hello")));

  CHECK(*inner->calls == 1);
  CHECK(first.handling->source == ReplySource::model);
  CHECK(second.text() == first.text());
  CHECK(second.handling->source == ReplySource::memory);
  CHECK(second.handling->saved_usage->cost_nanodollars == 70);
  CHECK(second.usage.requests == 0);
  CHECK(second.usage.prompt_tokens == 0);
  CHECK(second.usage.cost_nanodollars == 0);
  second.completion().text = "changed by a caller";
  CHECK(wait(lm->complete(ask("Hello"))).text() == first.text());
  CHECK(reply_from_json(to_json(second)) == second);
}

TEST_CASE("Whatever an answer depends on makes it another question") {
  const auto inner = std::make_shared<SlowLM>(0ms);
  const auto lm = cached()(inner);
  std::vector<Request> requests{ask("Hello"), ask("Hello!"), with_metadata(ask("Hello"), "rollout_id", 1),
                                with_metadata(ask("Hello"), "rollout_id", 2)};
  requests.push_back(ask("Hello"));
  requests.back().sampling.temperature = 0.5;
  requests.push_back(ask("Hello"));
  requests.back().sampling.top_k = 3;
  requests.push_back(ask("Hello"));
  requests.back().contract.form = OutputContract::Form::json;
  requests.push_back(ask("Hello"));
  requests.back().n = 2;
  requests.push_back({.messages = {Message(Role::system, "Hello")}});
  requests.push_back(ask("Hello"));
  requests.back().tools = {{.name = "look_up"}};

  for (const auto& request : requests) wait(lm->complete(request));
  CHECK(*inner->calls == static_cast<int>(requests.size()));
  for (const auto& request : requests) wait(lm->complete(request));
  CHECK(*inner->calls == static_cast<int>(requests.size()));

  // Who asks, and what for, does not matter.
  wait(lm->complete(with_metadata(ask("Hello"), "trace", "abc")));
  CHECK(*inner->calls == static_cast<int>(requests.size()));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) CHECK(cache_key(requests[i], "lm") != cache_key(requests[j], "lm"));
  }
  CHECK(cache_key(requests[0], "one") != cache_key(requests[0], "another"));
  CHECK(cache_key(requests[0], "lm", "tenant a") != cache_key(requests[0], "lm", "tenant b"));
}

TEST_CASE("The provider does not see a rollout's id") {
  const auto inner = numbered([](int) { return "yes"; });
  const auto lm = cached()(inner);

  wait(lm->complete(with_metadata(with_metadata(ask("Hello"), "rollout_id", 7), "team", "search")));

  const auto sent = inner->requests().front().provider_options().metadata;
  CHECK_FALSE(sent.contains("rollout_id"));
  CHECK(sent.contains("team"));
}

TEST_CASE("A reply expires, and is kept for ever where the time is 0") {
  FakeClock clock;
  const auto inner = std::make_shared<SlowLM>(0ms);
  const auto lm = cached({.cache_ttl_secs = 300, .clock = &clock})(inner);
  const auto forever = cached({.cache_ttl_secs = 0, .clock = &clock})(inner);

  wait(lm->complete(ask("Hello")));
  wait(forever->complete(ask("Hello")));
  clock.advance(299s);
  CHECK(wait(lm->complete(ask("Hello"))).handling->source == ReplySource::memory);
  clock.advance(2s);
  CHECK(wait(lm->complete(ask("Hello"))).handling->source == ReplySource::model);
  clock.advance(std::chrono::hours(24 * 365));
  CHECK(wait(forever->complete(ask("Hello"))).handling->source == ReplySource::memory);
}

TEST_CASE("Errors, refusals and replies that were cut or filtered are not kept") {
  int calls = 0;
  Completion next;
  const auto inner = std::make_shared<ScriptedLM>([&](const Request&) {
    ++calls;
    return Reply(next);
  });
  const auto lm = cached()(inner);
  const auto asks_twice = [&](Completion completion) {
    next = std::move(completion);
    calls = 0;
    const auto question = ask("question " + std::to_string(static_cast<int>(next.finish)) + next.refusal);
    wait(lm->complete(question));
    wait(lm->complete(question));
    return calls == 2;
  };

  CHECK_FALSE(asks_twice({.text = "whole"}));
  CHECK(asks_twice({.text = "cut", .finish = FinishReason::length}));
  CHECK(asks_twice({.text = "", .finish = FinishReason::content_filter}));
  CHECK(asks_twice({.text = "brok", .finish = FinishReason::error}));
  CHECK(asks_twice({.refusal = "I would rather not."}));
}

TEST_CASE("A thousand equal requests at once are one") {
  const auto inner = std::make_shared<SlowLM>(20ms);
  const auto lm = cached()(inner);
  std::vector<Async<Reply>> asked;
  for (int i = 0; i < 1'000; ++i) asked.push_back(lm->complete(ask("Hello")));

  const auto replies = wait(when_all(std::move(asked)));

  CHECK(*inner->calls == 1);
  int shared = 0;
  Usage all;
  for (const auto& reply : replies) {
    CHECK(reply.text() == "answer 1");
    shared += reply.handling->source == ReplySource::shared ? 1 : 0;
    all += reply.usage;
  }
  CHECK(shared == 999);
  CHECK(all.cost_nanodollars == 70);
  CHECK(all.requests == 1);
}

TEST_CASE("Equal requests of several threads are one") {
  const auto inner = std::make_shared<SlowLM>(30ms);
  const auto lm = cached()(inner);
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&] { right += wait(lm->complete(ask("Hello"))).text() == "answer 1" ? 1 : 0; });
    }
  }
  CHECK(right == 16);
  CHECK(*inner->calls == 1);
}

TEST_CASE("If the one who asks for all gives up, another one goes on") {
  const auto inner = std::make_shared<SlowLM>(50ms);
  const auto lm = cached()(inner);
  std::stop_source leader, waiting;
  auto first = ask("Hello"), second = ask("Hello"), third = ask("Hello");
  first.stop = leader.get_token();
  second.stop = waiting.get_token();
  const auto outcome = [](Async<Reply> call) -> Async<std::string> {
    std::string out;
    try {
      out = (co_await std::move(call)).text();
    } catch (const Error& error) {
      out = to_string(error.code());
    }
    co_return out;
  };
  const auto give_up = [](std::stop_source& who, std::chrono::milliseconds when) -> Async<std::string> {
    co_await sleep(when);
    who.request_stop();
    co_return std::string();
  };

  const auto [one, two, three, a, b] =
      wait(when_all(outcome(lm->complete(first)), outcome(lm->complete(second)), outcome(lm->complete(third)),
                    give_up(leader, 5ms), give_up(waiting, 15ms)));

  CHECK(one == "cancelled");
  CHECK(two == "cancelled");
  CHECK(three.starts_with("answer"));
  CHECK(*inner->calls <= 3);
}

TEST_CASE("An error of the one request reaches all who wait for it") {
  const auto inner = std::make_shared<SlowLM>(10ms, true);
  const auto lm = cached()(inner);
  std::vector<Async<Errc>> asked;
  for (int i = 0; i < 10; ++i) {
    asked.push_back([](Async<Reply> call) -> Async<Errc> {
      auto code = Errc::bad_input;
      try {
        co_await std::move(call);
      } catch (const Error& error) {
        code = error.code();
      }
      co_return code;
    }(lm->complete(ask("Hello"))));
  }

  for (const auto code : wait(when_all(std::move(asked)))) CHECK(code == Errc::unavailable);
  CHECK(*inner->calls == 1);
}

TEST_CASE("What a store below keeps is found by another process's cache, and then in memory") {
  FakeClock clock;
  const auto store = std::make_shared<MapStore>();
  const auto inner = std::make_shared<SlowLM>(0ms);
  wait(cached({.store = store, .clock = &clock})(inner)->complete(ask("Hello")));
  REQUIRE(store->entries.size() == 1);
  CHECK(store->entries.begin()->second.model == "slow");

  const auto lm = cached({.store = store, .clock = &clock})(inner);
  const auto from_store = wait(lm->complete(ask("Hello")));
  const auto from_memory = wait(lm->complete(ask("Hello")));

  CHECK(*inner->calls == 1);
  CHECK(from_store.text() == "answer 1");
  CHECK(from_store.handling->source == ReplySource::disk);
  CHECK(from_store.handling->saved_usage->prompt_tokens == 4);
  CHECK(from_memory.handling->source == ReplySource::memory);
}

TEST_CASE("What cannot be read in a store is asked for again") {
  const auto store = std::make_shared<MapStore>();
  const auto inner = std::make_shared<SlowLM>(0ms);
  wait(cached({.store = store})(inner)->complete(ask("Hello")));
  for (const std::string text : {"{", "[]", "{\"completions\": []}", "{\"completions\": 5}"}) {
    CAPTURE(text);
    store->entries.begin()->second.value = text;
    CHECK(wait(cached({.store = store})(inner)->complete(ask("Hello"))).handling->source == ReplySource::model);
  }
}

TEST_CASE("A cache may only be read, or only be written") {
  const auto store = std::make_shared<MapStore>();
  const auto inner = std::make_shared<SlowLM>(0ms);
  const auto reading = cached({.store = store, .mode = CacheOptions::Mode::read_only})(inner);
  const auto writing = cached({.store = store, .mode = CacheOptions::Mode::write_only})(inner);

  wait(reading->complete(ask("Hello")));
  CHECK(store->entries.empty());
  wait(writing->complete(ask("Hello")));
  wait(writing->complete(ask("Hello")));
  CHECK(*inner->calls == 3);
  CHECK(wait(reading->complete(ask("Hello"))).text() == "answer 3");
  CHECK(*inner->calls == 3);
}

TEST_CASE("Memory is bounded by bytes, and what was not used longest goes first") {
  const auto cache = std::make_shared<Cache>(CacheOptions{.memory_bytes = 1U << 20});
  const auto inner = std::make_shared<SlowLM>(0ms);
  const auto lm = cached(cache)(inner);

  for (int i = 0; i < 2'000; ++i) wait(lm->complete(ask(std::string(1'000, 'x') + std::to_string(i))));

  const auto stats = cache->stats();
  CHECK(stats.bytes <= 1U << 20);
  CHECK(stats.entries > 100);
  CHECK(stats.entries < 1'000);
  CHECK(wait(lm->complete(ask(std::string(1'000, 'x') + "1999"))).handling->source == ReplySource::memory);
  CHECK(cache->erase({.model = "another"}) == 0);
  CHECK(cache->erase({.model = "slow"}) == stats.entries);
  CHECK(cache->stats().bytes == 0);
}

TEST_CASE("A hit is handed to a stream as its events") {
  const auto inner = std::make_shared<SlowLM>(0ms);
  const auto lm = cached()(inner);
  std::string first, second;

  wait(lm->stream(ask("Hello"), [&](const StreamEvent& event) { first += event.text; }));
  wait(lm->stream(ask("Hello"), [&](const StreamEvent& event) { second += event.text; }));

  CHECK(first == "answer 1");
  CHECK(second == first);
  CHECK(*inner->calls == 1);
}

TEST_CASE("A prompt with a file of this machine is asked each time, as the file may change") {
  const auto inner = std::make_shared<SlowLM>(0ms);
  const auto lm = cached()(inner);
  const Request request{.messages = {Message(Role::user, std::vector<Part>{MediaPart{.path = "picture.png"}})}};

  wait(lm->complete(request));
  wait(lm->complete(request));

  CHECK(*inner->calls == 2);
}
