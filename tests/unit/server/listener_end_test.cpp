#include "dspy/base/async.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/routes.hpp"
#include "server/listener/listener_loop.hpp"
#include "support/raw_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;
using dspy::test::RawClient;

namespace {

constexpr auto get = "GET /work HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

std::shared_ptr<Routes> routes_of(Handler handler) {
  auto routes = std::make_shared<Routes>();
  routes->add({.path = "/work", .handler = std::move(handler)});
  return routes;
}

void wait_for(const std::atomic<bool>& flag) {
  for (int i = 0; i < 500 && !flag; ++i) std::this_thread::sleep_for(10ms);
  REQUIRE(flag);
}

}  // namespace

TEST_CASE("a listener ends after what its clients left behind") {
  const auto before = loops_waited_on();
  std::atomic<bool> has_ended = false;
  {
    const Listener listener(routes_of([&](HttpRequest) -> Async<HttpResponse> {
                              boost::asio::co_spawn(
                                  co_await boost::asio::this_coro::executor,
                                  [](std::atomic<bool>& ended) -> Async<void> {
                                    co_await dspy::sleep(300ms);
                                    ended = true;
                                  }(has_ended),
                                  boost::asio::detached);
                              co_return HttpResponse{.body = "begun"};
                            }),
                            {});
    RawClient client(listener.port());
    client.send(get);
    CHECK(client.read().ends_with("begun"));
  }
  CHECK(has_ended);
  CHECK(loops_waited_on() == before);
}

TEST_CASE("what wakes a call of a listener that is gone finds its loop") {
  const auto before = loops_waited_on();
  const auto gate = std::make_shared<Gate>(false);
  std::atomic<bool> is_waiting = false;
  std::optional<RawClient> client;
  {
    // A handler that obeys no stop.
    const Listener listener(routes_of([&](HttpRequest) -> Async<HttpResponse> {
                              is_waiting = true;
                              co_await Gate::opened(gate, 1h);
                              co_return HttpResponse{};
                            }),
                            {});
    client.emplace(listener.port());
    client->send(get);
    wait_for(is_waiting);
  }
  CHECK(loops_waited_on() == before + 1);
  gate->open();
}

TEST_CASE("threads that wake the last call of a listener may be slower than its end") {
  const auto before = loops_waited_on();
  for (int i = 0; i < 50; ++i) {
    const auto gate = std::make_shared<Gate>(false);
    std::atomic<bool> is_waiting = false;
    std::jthread waker;
    {
      const Listener listener(routes_of([&](HttpRequest) -> Async<HttpResponse> {
                                is_waiting = true;
                                co_await Gate::opened(gate, 1h);
                                co_return HttpResponse{.body = "woken"};
                              }),
                              {});
      RawClient client(listener.port());
      client.send(get);
      wait_for(is_waiting);
      waker = std::jthread([gate] { gate->open(); });
    }
  }
  CHECK(loops_waited_on() == before);
}
