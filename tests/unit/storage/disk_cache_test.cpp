#include "dspy/storage/disk_cache.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/middleware/cache_warming.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/schemes.hpp"  // IWYU pragma: keep (registers the store)
#include "dspy/storage/database.hpp"
#include "support/kept_replies.hpp"

#include <unistd.h>

#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::test;

TEST_CASE("What is put is found, at once and by the next process") {
  const Folder folder;
  {
    DiskCache cache(folder.path);
    cache.put(kept(1));
    CHECK(cache.find(kept(1).key, cache_time(5)) == kept(1));
    CHECK_FALSE(cache.find(kept(2).key, cache_time(5)).has_value());
    cache.put(kept(3));
  }

  DiskCache cache(folder.path);
  CHECK(cache.find(kept(1).key, cache_time(5)) == kept(1));
  CHECK(cache.find(kept(3).key, cache_time(5)) == kept(3));
  CHECK(cache.stats().entries == 2);
  CHECK(cache.stats().hits == 2);
}

TEST_CASE("An entry that has expired is not found, and one that is put again is the new one") {
  const Folder folder;
  DiskCache cache(folder.path);
  auto entry = kept(1);
  entry.expires = cache_time(100);

  cache.put(entry);
  cache.flush();
  CHECK(cache.find(entry.key, cache_time(99)).has_value());
  CHECK_FALSE(cache.find(entry.key, cache_time(100)).has_value());
  entry.value = "another";
  entry.expires = cache_time(200);
  cache.put(entry);
  cache.flush();
  CHECK(cache.find(entry.key, cache_time(150))->value == "another");
  CHECK(cache.stats().entries == 1);
}

TEST_CASE("Entries go by model, program and age") {
  const Folder folder;
  DiskCache cache(folder.path);
  for (std::uint64_t number = 0; number < 100; ++number) {
    auto entry = kept(number);
    if (number % 2 == 0) entry.model = "even";
    if (number % 10 == 0) entry.program = "triage";
    cache.put(entry);
  }

  CHECK(cache.erase({.model = "even", .program = "triage"}, cache_time(1'000)) == 10);
  CHECK(cache.erase({.older_than = std::chrono::milliseconds(950)}, cache_time(1'000)) == 45);
  CHECK(cache.erase({.model = "even'; DROP TABLE replies; --"}, cache_time(1'000)) == 0);
  CHECK(cache.erase({}, cache_time(1'000)) == 45);
}

TEST_CASE("A damaged file is put aside and a new one begun, and a damaged reply is never served") {
  const Folder folder;
  std::vector<std::string> warnings;
  set_log_sink([&](LogLevel, std::string_view, std::string_view text) { warnings.emplace_back(text); },
               LogLevel::warning);

  SUBCASE("a file that is not a database") {
    folder.write("replies.sqlite", std::string(20'000, 'x'));
    DiskCache cache(folder.path);
    cache.put(kept(1));
    cache.flush();
    CHECK(cache.find(kept(1).key, cache_time(5)) == kept(1));
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].contains("was damaged"));
    CHECK(warnings[0].contains("replies.sqlite.corrupt-"));
  }
  SUBCASE("bytes that were changed") {
    {
      DiskCache cache(folder.path);
      for (std::uint64_t number = 0; number < 200; ++number) cache.put(kept(number));
    }
    {
      storage::Database(folder.path / "replies.sqlite", {}).execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    auto bytes = folder.read("replies.sqlite");
    const auto at = bytes.find("reply 77 ");
    REQUIRE(at != std::string::npos);
    bytes[at + 6] = '8';
    folder.write("replies.sqlite", bytes);

    DiskCache cache(folder.path);
    CHECK_FALSE(cache.find(kept(77).key, cache_time(5)).has_value());
    CHECK(cache.find(kept(78).key, cache_time(5)) == kept(78));
    CHECK(cache.stats().damaged == 1);
    CHECK(cache.stats().entries == 199);
  }
  SUBCASE("a file that was cut") {
    {
      DiskCache cache(folder.path);
      for (std::uint64_t number = 0; number < 200; ++number) cache.put(kept(number));
    }
    {
      storage::Database(folder.path / "replies.sqlite", {}).execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::filesystem::resize_file(folder.path / "replies.sqlite",
                                 std::filesystem::file_size(folder.path / "replies.sqlite") / 2);
    DiskCache cache(folder.path);
    for (std::uint64_t number = 0; number < 200; ++number) {
      const auto found = cache.find(kept(number).key, cache_time(5));
      if (found) CHECK(*found == kept(number));
    }
    cache.put(kept(500));
    cache.flush();
    CHECK(cache.find(kept(500).key, cache_time(5)) == kept(500));
  }
  set_log_sink({});
}

TEST_CASE("A folder that cannot be written is an error that says so") {
  if (::geteuid() == 0) {
    // Root may write anywhere; a file in the folder's place does for it.
    const Folder folder;
    folder.write("cache", "a file");
    CHECK_THROWS_AS(DiskCache(folder.path / "cache"), Error);
    return;
  }
  const Folder folder;
  std::filesystem::permissions(folder.path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  CHECK_THROWS_WITH_AS(DiskCache(folder.path / "cache"), doctest::Contains("name another one"), Error);
  std::filesystem::permissions(folder.path, std::filesystem::perms::owner_all);
}

TEST_CASE("A file of a newer version of the library is left alone") {
  const Folder folder;
  {
    storage::Database(folder.path / "replies.sqlite", {}).execute("PRAGMA user_version=99");
  }

  CHECK_THROWS_WITH_AS(DiskCache(folder.path), doctest::Contains("newer version of the library"), Error);
}

TEST_CASE("Two processes write to one cache") {
  const Folder folder;
  {
    Child other([&folder, cache = std::shared_ptr<DiskCache>(), number = std::uint64_t{0}]() mutable {
      if (!cache) cache = std::make_shared<DiskCache>(folder.path);
      cache->put(kept(1'000 + number++ % 1'000));
      cache->flush();
    });
    DiskCache cache(folder.path);
    for (std::uint64_t number = 0; number < 1'000; ++number) {
      cache.put(kept(number));
      if (number % 10 == 0) cache.flush();
    }
    cache.flush();
    for (int tries = 0; tries < 1'000 && !cache.find(kept(1'000).key, cache_time(5)); ++tries) ::usleep(5'000);
    CHECK(other.kill());
  }

  DiskCache cache(folder.path);
  for (std::uint64_t number = 0; number < 1'000; ++number)
    CHECK(cache.find(kept(number).key, cache_time(5)) == kept(number));
  CHECK(cache.find(kept(1'000).key, cache_time(5)) == kept(1'000));
}

TEST_CASE("A process that writes the cache may be killed at any moment") {
  kill_writers(200);
}

TEST_CASE("A cache in a directory is found again by the next program") {
  const Folder folder;
  const auto make = [&] {
    return cached({.directory = folder.path.string()})(
        std::make_shared<ScriptedLM>(std::deque<std::string>{"the answer"}));
  };
  const Request request{.messages = {Message(Role::user, "a question")}};

  CHECK(wait(make()->complete(request)).handling->source == ReplySource::model);
  const auto again = wait(make()->complete(request));
  CHECK(again.text() == "the answer");
  CHECK(again.handling->source == ReplySource::disk);
}

TEST_CASE("A cache that was warmed from a trace answers what the trace answered, and asks for nothing") {
  const test::Folder folder;
  const auto path = folder.path / "run.jsonl";
  const auto scripted = [](std::deque<std::string> replies) {
    return std::make_shared<ScriptedLM>(std::move(replies));
  };
  {
    const auto lm = scripted({"Answer: Paris", "Answer: Rome"});
    const auto ask =
        with_context(Predict<>("question -> answer", {.lm = lm}), {.trace = std::make_shared<JsonlTrace>(path)});
    ask({{"question", "What is the capital of France?"}});
    ask({{"question", "And of Italy?"}});
    CHECK_THROWS_AS(ask({{"question", "And of Spain?"}}), Error);
  }
  const CacheOptions options{.directory = (folder.path / "cache").string()};
  const auto lm = scripted({});
  {
    std::ifstream trace(path);
    CHECK(warm_cache(std::make_shared<Cache>(options), *lm, trace) == Warmed{.kept = 2, .left_out = 1});
  }
  std::ifstream again(path);
  CHECK(warm_cache(std::make_shared<Cache>(options), *lm, again) == Warmed{.known = 2, .left_out = 1});

  const Predict<> ask("question -> answer", {.lm = cached(options)(lm)});
  CHECK(ask({{"question", "And of Italy?"}}).at("answer") == "Rome");
  CHECK(ask({{"question", "What is the capital of France?"}}).at("answer") == "Paris");
  CHECK_THROWS_AS(ask({{"question", "And of Spain?"}}), Error);
}

TEST_CASE("What a trace has of another model, or without its content, does not get into a cache") {
  const test::Folder folder;
  const auto path = folder.path / "run.jsonl";
  {
    const auto ask = with_context(
        Predict<>("question -> answer", {.lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: Paris"})}),
        {.trace = std::make_shared<JsonlTrace>(path, TraceFileOptions{.has_content = false})});
    ask({{"question", "What is the capital of France?"}});
  }
  std::ofstream(path, std::ios::app)
      << "not JSON\n"
      << R"({"kind":"attempt","lm":"another","request":{"messages":[]},"reply":{"completions":[]}})"
         "\n"
      << R"({"kind":"attempt","lm":"scripted","request":{"messages":5},"reply":{}})"
         "\n";
  const auto cache = std::make_shared<Cache>(CacheOptions{.enable_cache = true});
  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{});
  std::ifstream trace(path);

  CHECK(warm_cache(cache, *lm, trace) == Warmed{.left_out = 3});
  CHECK(cache->stats().entries == 0);
}
