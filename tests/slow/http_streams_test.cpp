// Many streams at once in one process: nothing is lost, and what a stream costs is bounded.

#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/server_sent_events.hpp"
#include "mock_provider/mock_provider.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <format>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

using Time = std::chrono::steady_clock::time_point;

std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t pages = 0;
  in >> pages >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

struct Seen {
  std::string text = {};
  bool is_whole = false;
  std::chrono::steady_clock::duration first{};
};

Async<void> watch(std::shared_ptr<http::Transport> transport, http::Request request, Seen& seen, Time begun) {
  auto streamed = co_await transport->open(std::move(request));
  http::ServerSentEvents events;
  while (auto piece = co_await streamed.body->next()) {
    if (seen.first.count() == 0) seen.first = std::chrono::steady_clock::now() - begun;
    events.feed(*std::move(piece));
    while (const auto event = events.next()) {
      if (event->data == "[DONE]") {
        seen.is_whole = true;
      } else {
        seen.text += event->data.size() % 2 == 0 ? '.' : ',';
      }
    }
  }
}

/// The mock provider in a process of its own, so that each process has descriptors for one end of each stream.
class ProviderProcess {
 public:
  /// While there is one thread only, or the child could not go on.
  explicit ProviderProcess(const mock::WishList& wishes) {
    int ends[2] = {};
    REQUIRE(::pipe(ends) == 0);
    id_ = ::fork();
    REQUIRE(id_ >= 0);
    if (id_ == 0) {
      const mock::MockProvider provider({.wishes = wishes});
      const auto port = provider.port();
      if (::write(ends[1], &port, sizeof port) != sizeof port) ::_exit(1);
      while (true) ::pause();
    }
    const bool has_port = ::read(ends[0], &port_, sizeof port_) == sizeof port_;
    ::close(ends[0]);
    ::close(ends[1]);
    REQUIRE(has_port);
  }
  ~ProviderProcess() {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  ProviderProcess(const ProviderProcess&) = delete;
  ProviderProcess& operator=(const ProviderProcess&) = delete;

  std::string url(std::string_view path) const { return std::format("http://127.0.0.1:{}{}", port_, path); }

 private:
  pid_t id_ = 0;
  std::uint16_t port_ = 0;
};

void use_all_descriptors(std::size_t needed) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  INFO("raise the limit of open files (ulimit -Hn) to ", needed, " or more");
  REQUIRE(files.rlim_cur >= needed);
}

/// What a stream of `count` at once takes, in bytes of memory of this process.
std::size_t bytes_of_each(std::size_t count, const std::string& url) {
  const auto transport = http::curl_transport();
  const http::Request request{.url = url,
                              .body = R"({"stream": true, "messages": [{"role": "user", "content": "go"}]})",
                              .timeouts = {.connect = 300s}};
  std::vector<Seen> seen(count);
  std::vector<Async<void>> all;
  std::size_t most = 0;
  std::size_t left = count;
  const auto before = resident_bytes();
  const auto begun = std::chrono::steady_clock::now();
  for (auto& each : seen) {
    all.push_back([](auto shared, auto asked, Seen& into, Time since, std::size_t& rest) -> Async<void> {
      const struct Leave {
        std::size_t& of;
        ~Leave() { --of; }
      } leave{rest};
      co_await watch(std::move(shared), std::move(asked), into, since);
    }(transport, request, each, begun, left));
  }
  all.push_back([](std::size_t& peak, const std::size_t& rest) -> Async<void> {
    while (rest > 0) {
      co_await sleep(100ms);
      peak = std::max(peak, resident_bytes());
    }
  }(most, left));

  wait(when_all(std::move(all)));

  std::vector<double> first;
  for (const auto& each : seen) {
    CHECK(each.is_whole);
    CHECK(each.text.size() == 12);
    first.push_back(std::chrono::duration<double, std::milli>(each.first).count());
  }
  std::ranges::sort(first);
  const auto each = (most - std::min(most, before)) / count;
  MESSAGE(count, " streams, memory of each: ", each, " bytes; first piece after ", first[count / 2], " ms (median), ",
          first[count * 99 / 100], " ms (p99)");
  return each;
}

}  // namespace

// The first of this program: it forks.
TEST_CASE("ten thousand streams at once, from a provider in another process") {
  constexpr std::size_t count = 10'000;
  use_all_descriptors(count + 1'000);
  const ProviderProcess provider({{"part-delay", "500"}, {"reply", std::string(120, 'x')}});

  CHECK(bytes_of_each(count, provider.url("/v1/chat/completions")) < std::size_t{64} * 1024);
}

TEST_CASE("two thousand streams at once, client and server in one process") {
  constexpr std::size_t count = 2'000;
  use_all_descriptors(2 * count + 100);
  const mock::MockProvider provider({.wishes = {{"part-delay", "200"}, {"reply", std::string(120, 'x')}}});

  CHECK(bytes_of_each(count, provider.url("/v1/chat/completions")) < std::size_t{128} * 1024);
}
