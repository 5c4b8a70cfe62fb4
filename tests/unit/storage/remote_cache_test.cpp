#include "dspy/storage/remote_cache.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/storage/disk_cache.hpp"
#include "storage/kept_record.hpp"
#include "storage/redis_connection.hpp"
#include "support/cache_server.hpp"
#include "support/kept_replies.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

/// An entry that lives for an hour from now on.
CacheEntry lasting(std::uint64_t number) {
  auto entry = kept(number);
  entry.created = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  entry.expires = entry.created + 1h;
  return entry;
}

CacheTime now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

#define DSPY_NEEDS_SERVER(server)                                            \
  if (!(server).is_there()) {                                                \
    MESSAGE("not run: neither valkey-server nor redis-server is installed"); \
    return;                                                                  \
  }

}  // namespace

TEST_CASE("A record that was changed is not taken for the entry") {
  const auto entry = lasting(3);
  const auto record = to_record(entry);
  CHECK(entry_of(entry.key, record) == entry);
  CHECK_FALSE(entry_of("another", record).has_value());
  for (std::size_t at = 0; at < record.size(); at += 7) {
    auto changed = record;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto read = entry_of(entry.key, changed);
    CHECK((!read || *read == entry));
  }
}

TEST_CASE("What one process puts into a server another finds, until it expires") {
  const CacheServer server;
  DSPY_NEEDS_SERVER(server);
  const auto forever = kept(1);
  const auto hour = lasting(2);
  auto brief = lasting(3);
  brief.expires = brief.created + 300ms;
  {
    RemoteCache cache(server.url(), {.timeout = 500ms});
    for (const auto& entry : {forever, hour, brief}) cache.put(entry);
    cache.flush();
    CHECK(cache.stats().entries == 3);
  }
  RemoteCache cache(server.url(), {.timeout = 500ms});
  CHECK(cache.find(forever.key, now()) == forever);
  CHECK(cache.find(hour.key, now()) == hour);
  CHECK_FALSE(cache.find(kept(9).key, now()).has_value());
  std::this_thread::sleep_for(350ms);
  CHECK_FALSE(cache.find(brief.key, now()).has_value());
  CHECK(cache.stats().entries == 2);  // the server has let go of it
  CHECK(cache.stats().hits == 2);
  RemoteCache other(server.url(), {.prefix = "other[*]:", .timeout = 500ms});
  CHECK_FALSE(other.find(forever.key, now()).has_value());
  CHECK(other.erase({}, now()) == 0);
}

TEST_CASE("Entries of a server go by model, program and age") {
  const CacheServer server;
  DSPY_NEEDS_SERVER(server);
  RemoteCache cache(server.url(), {.timeout = 500ms});
  for (std::uint64_t number = 0; number < 40; ++number) {
    auto entry = lasting(number);
    if (number % 2 == 0) entry.model = "even";
    if (number % 4 == 0) {
      entry.created -= 2h;
      entry.expires = entry.created + 24h;
    }
    cache.put(entry);
  }
  std::size_t seen = 0;
  CacheTime last = {};
  cache.each([&](const CacheEntry& entry) {
    CHECK(entry.created >= last);
    last = entry.created;
    ++seen;
  });
  CHECK(seen == 40);
  CHECK(cache.erase({.model = "even", .older_than = 1h}, now()) == 10);
  CHECK(cache.erase({.model = "even"}, now()) == 10);
  CHECK(cache.erase({}, now()) == 20);
}

TEST_CASE("A damaged record on a server is counted and not served") {
  const CacheServer server;
  DSPY_NEEDS_SERVER(server);
  RemoteCache cache(server.url(), {.timeout = 500ms});
  cache.put(lasting(1));
  cache.flush();
  storage::RedisConnection direct(storage::RedisAddress::parse(server.url()), std::chrono::steady_clock::now() + 5s);
  direct.ask({"SET", "dspy:1:" + lasting(1).key, "{\"v\": 1, \"value\": \"another\"}"},
             std::chrono::steady_clock::now() + 5s);
  CHECK_FALSE(cache.find(lasting(1).key, now()).has_value());
  CHECK(cache.stats().damaged >= 1);
}

TEST_CASE("Trap 31: a server that is slow, or gone, slows no call") {
  CacheServer server;
  DSPY_NEEDS_SERVER(server);
  RemoteCache cache(server.url(), {.timeout = 50ms});
  cache.put(lasting(1));
  cache.flush();
  server.freeze();
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(cache.find(kept(static_cast<std::uint64_t>(i)).key, now()).has_value());
    cache.put(lasting(static_cast<std::uint64_t>(i)));
  }
  // A few wait for 50 ms; then the breaker is open.
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
  server.thaw();
  server.stop();
  const auto again = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) CHECK_FALSE(cache.find("nothing", now()).has_value());
  CHECK(std::chrono::steady_clock::now() - again < 2s);
  RemoteCache nowhere("redis://127.0.0.1:1");
  CHECK_FALSE(nowhere.find("key", now()).has_value());
  CHECK_THROWS_AS(nowhere.stats(), Error);
}

TEST_CASE("Memory, disk and a server are asked in this order, and a hit says where it was") {
  const CacheServer server;
  DSPY_NEEDS_SERVER(server);
  const Folder one, two;
  const Request request{.messages = {Message(Role::user, "a question")}};
  const auto ask = [&](const Folder& folder) {
    const auto store = tiered(open_disk_cache(folder.path.string()), open_disk_cache(server.url()));
    const auto lm = cached({.store = store})(std::make_shared<ScriptedLM>(std::deque<std::string>{"the answer"}));
    std::vector<ReplySource> sources;
    for (int i = 0; i < 2; ++i) {
      const auto reply = wait(lm->complete(request));
      CHECK(reply.text() == "the answer");
      sources.push_back(reply.handling->source);
    }
    store->flush();
    return sources;
  };
  using enum ReplySource;
  CHECK(ask(one) == std::vector{model, memory});
  CHECK(ask(one) == std::vector{disk, memory});
  CHECK(ask(two) == std::vector{remote, memory});  // another machine
  CHECK(ask(two) == std::vector{disk, memory});
}
