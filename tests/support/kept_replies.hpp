#pragma once

#include "dspy/storage/disk_cache.hpp"
#include "support/child.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace dspy::test {

inline CacheTime cache_time(std::int64_t milliseconds) {
  return CacheTime(std::chrono::milliseconds(milliseconds));
}

/// The entry of a number: what is kept of it can be told from its key.
inline CacheEntry kept(std::uint64_t number) {
  return {.key = std::format("{:064x}", number),
          .value = std::format("reply {} ", number) + std::string(200 + number % 3'000, 'x'),
          .created = cache_time(static_cast<std::int64_t>(number)),
          .expires = {},
          .model = "model",
          .program = "program"};
}

/// A process that writes a cache is killed `times` times, each after another while: nothing that is wrong is served,
/// and the file opens each time.
inline void kill_writers(int times) {
  const Folder folder;
  std::mt19937 random(20261129);
  std::uniform_int_distribution<int> milliseconds(0, 60);
  std::uint64_t most = 0;
  // A machine that is busy may not let a process write anything in that time.
  for (int time = 0; time < times || (most == 0 && time < times + 100); ++time) {
    CAPTURE(time);
    Child child([&folder, cache = std::shared_ptr<DiskCache>(), number = std::uint64_t{0}]() mutable {
      if (!cache) cache = std::make_shared<DiskCache>(folder.path);
      cache->put(kept(number++ % 5'000));
      if (number % 64 == 0) cache->flush();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    REQUIRE(child.kill());

    DiskCache cache(folder.path);
    std::uint64_t entries = 0;
    cache.each([&](const CacheEntry& entry) {
      if (entry != kept(std::stoull(entry.key, nullptr, 16))) FAIL_CHECK("a reply that nobody wrote: ", entry.key);
      ++entries;
    });
    CHECK(cache.stats().damaged == 0);
    CHECK(entries >= most);  // nothing that was there before is lost
    most = entries;
  }
  CHECK(most > 0);
  for (const auto& file : std::filesystem::directory_iterator(folder.path))
    CHECK_FALSE(file.path().string().contains("corrupt"));
}

}  // namespace dspy::test
