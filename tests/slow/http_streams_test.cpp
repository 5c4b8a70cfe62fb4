// Many streams at once in one process, against the mock provider in the same process: nothing is lost, and what a
// stream costs is bounded.

#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/server_sent_events.hpp"
#include "mock_provider/mock_provider.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
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

}  // namespace

TEST_CASE("two thousand streams at once") {
  constexpr std::size_t count = 2000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  REQUIRE(files.rlim_cur > 2 * count + 100);
  const mock::MockProvider provider({.wishes = {{"part-delay", "200"}, {"reply", std::string(120, 'x')}}});
  const auto transport = http::curl_transport();
  const http::Request request{.url = provider.url("/v1/chat/completions"),
                              .body = R"({"stream": true, "messages": [{"role": "user", "content": "go"}]})"};
  std::vector<Seen> seen(count);
  std::vector<Async<void>> all;
  std::size_t most = 0;
  const auto before = resident_bytes();
  const auto begun = std::chrono::steady_clock::now();
  for (auto& each : seen) all.push_back(watch(transport, request, each, begun));
  all.push_back([](std::size_t& peak) -> Async<void> {
    for (int i = 0; i < 20; ++i) {
      co_await sleep(100ms);
      peak = std::max(peak, resident_bytes());
    }
  }(most));

  wait(when_all(std::move(all)));

  std::vector<double> first;
  for (const auto& each : seen) {
    CHECK(each.is_whole);
    CHECK(each.text.size() == 12);
    first.push_back(std::chrono::duration<double, std::milli>(each.first).count());
  }
  std::ranges::sort(first);
  const auto each = (most - std::min(most, before)) / count;
  MESSAGE("memory of a stream, client and server together: " << each << " bytes; first piece after " << first[count / 2]
                                                             << " ms (median), " << first[count * 99 / 100]
                                                             << " ms (p99)");
  CHECK(each < std::size_t{128} * 1024);
}
