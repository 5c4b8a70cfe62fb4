#pragma once

#include "dspy/storage/disk_cache.hpp"
#include "support/child.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace dspy::test {

inline CacheTime cache_time(std::int64_t milliseconds) {
  return CacheTime(std::chrono::milliseconds(milliseconds));
}

/// The entry of a number: its key says what is kept of it.
inline CacheEntry kept(std::uint64_t number) {
  return {.key = std::format("{:064x}", number),
          .value = std::format("reply {} ", number) + std::string(200 + number % 3'000, 'x'),
          .created = cache_time(static_cast<std::int64_t>(number)),
          .expires = {},
          .model = "model",
          .program = "program"};
}

/// What a child tells its parent of numbers that are safely kept.
class Acknowledged {
 public:
  Acknowledged() { REQUIRE(::pipe2(ends_.data(), O_NONBLOCK) == 0); }
  ~Acknowledged() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Acknowledged(const Acknowledged&) = delete;
  Acknowledged& operator=(const Acknowledged&) = delete;

  /// In the child.  A pipe that is full drops it, which loses nothing but the word.
  void tell(std::uint64_t number) const {
    [[maybe_unused]] const auto written = ::write(ends_[1], &number, sizeof(number));
  }
  /// In the parent: waits until there is something to hear.
  bool wait(int milliseconds) const {
    pollfd ready{.fd = ends_[0], .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, milliseconds) == 1;
  }
  /// All that was told.
  std::vector<std::uint64_t> hear() const {
    std::vector<std::uint64_t> out;
    std::uint64_t number = 0;
    while (::read(ends_[0], &number, sizeof(number)) == static_cast<ssize_t>(sizeof(number))) out.push_back(number);
    return out;
  }

 private:
  std::array<int, 2> ends_ = {};
};

/// A process that writes a cache is killed `times` times, each after another while, but never before it has said that
/// something is kept: the file opens each time, what was said to be kept is there, and nothing that is wrong is served.
inline void kill_writers(int times) {
  const Folder folder;
  std::mt19937 random(20261129);
  std::uniform_int_distribution<int> microseconds(0, 20'000);
  std::uint64_t most = 0, heard = 0;
  for (int time = 0; time < times; ++time) {
    CAPTURE(time);
    const Acknowledged kept_numbers;
    Child child([&, cache = std::shared_ptr<DiskCache>(), number = static_cast<std::uint64_t>(time) * 37]() mutable {
      if (!cache) cache = std::make_shared<DiskCache>(folder.path);
      for (int i = 0; i < 16; ++i) cache->put(kept(number++ % 2'000));
      cache->flush();
      kept_numbers.tell((number - 1) % 2'000);
    });
    REQUIRE(kept_numbers.wait(60'000));
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
    REQUIRE(child.kill());

    DiskCache cache(folder.path);
    for (const auto number : kept_numbers.hear()) {
      if (cache.find(kept(number).key, cache_time(5)) != kept(number)) FAIL_CHECK("what was kept is lost: ", number);
      ++heard;
    }
    std::uint64_t entries = 0;
    cache.each([&](const CacheEntry& entry) {
      if (entry != kept(std::stoull(entry.key, nullptr, 16))) FAIL_CHECK("a reply that nobody wrote: ", entry.key);
      ++entries;
    });
    CHECK(cache.stats().damaged == 0);
    CHECK(entries >= most);  // nothing that was there before is lost
    most = entries;
  }
  CHECK(heard >= static_cast<std::uint64_t>(times));
  for (const auto& file : std::filesystem::directory_iterator(folder.path))
    CHECK_FALSE(file.path().string().contains("corrupt"));
}

}  // namespace dspy::test
