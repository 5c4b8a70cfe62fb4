// What disks and other processes do to a cache.  docs/traps.md lists all traps.

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/storage/database.hpp"
#include "dspy/storage/disk_cache.hpp"
#include "support/kept_replies.hpp"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

/// Runs `work` in a process of its own; its exit code.
int in_child(const std::function<int()>& work) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    int code = 99;
    try {
      code = work();
    } catch (...) {
      code = 98;
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Writes until the disk is full; goes on; 0 if that was told and nothing else went wrong.
int fill(const std::filesystem::path& folder) {
  DiskCache cache(folder);
  cache.put(kept(1));
  cache.flush();
  bool is_told = false;
  for (std::uint64_t number = 2; number < 2'000 && !is_told; ++number) {
    cache.put(kept(number));
    if (number % 20 != 0) continue;
    const auto flushed = attempt([&] { cache.flush(); });
    if (flushed) continue;
    is_told = true;
    if (flushed.error().code() != Errc::io_error) return 2;
  }
  if (!is_told) return 1;
  // Reading goes on, and writing does no harm.
  if (cache.find(kept(1).key, cache_time(5)) != kept(1)) return 3;
  cache.put(kept(3'000));
  return 0;
}

void check_all_right(const std::filesystem::path& folder) {
  DiskCache cache(folder);
  std::uint64_t entries = 0;
  cache.each([&](const CacheEntry& entry) {
    CHECK(entry == kept(std::stoull(entry.key, nullptr, 16)));
    ++entries;
  });
  CHECK(entries >= 1);
  CHECK(cache.stats().damaged == 0);
  cache.put(kept(4'000));
  cache.flush();
  CHECK(cache.find(kept(4'000).key, cache_time(5)) == kept(4'000));
}

}  // namespace

TEST_CASE("Trap 32: another process that holds the file holds up neither reading nor a call") {
  const Folder folder;
  DiskCache cache(folder.path);
  cache.put(kept(1));
  cache.flush();
  const Acknowledged locked;
  Child other([&, database = std::unique_ptr<storage::Database>()]() mutable {
    if (!database) {
      database = std::make_unique<storage::Database>(folder.path / "replies.sqlite");
      database->execute("BEGIN IMMEDIATE");
      locked.tell(1);
    }
    ::usleep(1'000);
  });
  REQUIRE(locked.wait(30'000));

  const auto begun = std::chrono::steady_clock::now();
  CHECK(cache.find(kept(1).key, cache_time(5)) == kept(1));
  cache.put(kept(2));
  CHECK(cache.find(kept(2).key, cache_time(5)) == kept(2));  // of what waits to be written
  CHECK(std::chrono::steady_clock::now() - begun < 2s);

  std::this_thread::sleep_for(100ms);
  CHECK(other.kill());
  cache.flush();
  CHECK(DiskCache(folder.path).find(kept(2).key, cache_time(5)) == kept(2));
}

TEST_CASE("A disk that is full is told, and what was kept before stays right") {
  const Folder folder;
  CHECK(in_child([&] {
          ::signal(SIGXFSZ, SIG_IGN);
          const rlimit most{.rlim_cur = 400'000, .rlim_max = 400'000};
          if (::setrlimit(RLIMIT_FSIZE, &most) != 0) return 97;
          return fill(folder.path);
        }) == 0);
  check_all_right(folder.path);
}

TEST_CASE("A file system that is full is told, and what was kept before stays right") {
  const Folder folder;
  if (::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=600k") != 0) {
    MESSAGE("not run: this process may not mount a file system");
    return;
  }
  CHECK(in_child([&] { return fill(folder.path); }) == 0);
  ::mount("tmpfs", folder.path.c_str(), "tmpfs", MS_REMOUNT, "size=8m");
  check_all_right(folder.path);
  ::umount(folder.path.c_str());
}

TEST_CASE("A folder that is read-only is an error that names the remedy") {
  const Folder folder;
  std::filesystem::create_directory(folder.path / "locked");
  std::filesystem::permissions(folder.path / "locked",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec |
                                   std::filesystem::perms::others_read | std::filesystem::perms::others_exec);
  CHECK(in_child([&] {
          if (::geteuid() == 0 && ::setuid(65'534) != 0) return 97;
          const auto opened = attempt([&] { DiskCache(folder.path / "locked"); });
          if (opened) return 1;
          return std::string_view(opened.error().what()).contains("name a folder that can be written") ? 0 : 2;
        }) == 0);
}
