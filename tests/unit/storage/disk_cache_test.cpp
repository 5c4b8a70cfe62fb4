#include "dspy/storage/disk_cache.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/schemes.hpp"  // IWYU pragma: keep (registers the store)
#include "dspy/storage/database.hpp"
#include "support/kept_replies.hpp"

#include <unistd.h>

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
