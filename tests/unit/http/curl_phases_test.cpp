#include "dspy/base/tasks.hpp"
#include "scripted_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

// What ends a request before its reply does, in each of its phases.

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

TEST_CASE("a connection that is not made in time") {
  const Silent silent;

  const auto error = failure({.url = silent.tls_url(), .timeouts = {.connect = 80ms}});

  CHECK(error.code() == Errc::timeout);
  CHECK(std::string(error.what()).contains("connect"));
}

TEST_CASE("a reply that does not begin in time") {
  Scripted server({.delivery = {.hangs = true}});

  const auto error = failure({.url = server.url(), .timeouts = {.first_byte = 60ms}});

  CHECK(error.code() == Errc::timeout);
  CHECK(std::string(error.what()).contains("no reply began"));
}

TEST_CASE("a reply that stops coming") {
  Scripted server(stream({"one", "two"}, {.part_delay = 10s}));

  auto streamed = wait(transport()->open({.url = server.url(), .timeouts = {.idle = 60ms}}));
  const auto read = read_all(*streamed.body);

  CHECK(read.bytes == "one");
  REQUIRE(read.error);
  CHECK(read.error->code() == Errc::timeout);
  CHECK(std::string(read.error->what()).contains("no more of the reply came"));
}

TEST_CASE("a reply that takes too long in all") {
  Scripted server(stream(std::vector<std::string>(200, "x"), {.part_delay = 5ms}));

  const auto error = failure({.url = server.url(), .timeouts = {.idle = 50ms, .total = 100ms}});

  CHECK(error.code() == Errc::timeout);
}

TEST_CASE("a reader who is slow is not an idle server") {
  Scripted server(stream({"one", "two"}, {.part_delay = 20ms}));

  auto streamed = wait(transport()->open({.url = server.url(), .timeouts = {.idle = 100ms}}));
  std::this_thread::sleep_for(250ms);
  const auto read = read_all(*streamed.body);

  CHECK_FALSE(read.error);
  CHECK(read.bytes == "onetwo");
}

TEST_CASE("deadlines hold in every phase") {
  using Clock = std::chrono::steady_clock;
  Scripted hanging({.delivery = {.hangs = true}});
  Scripted slow(stream({"one", "two"}, {.part_delay = 10s}));
  const Silent silent;

  for (const auto& url : {hanging.url(), slow.url(), silent.tls_url()}) {
    CAPTURE(url);
    const auto begun = Clock::now();
    CHECK(failure({.url = url, .deadline = begun + 60ms}).code() == Errc::deadline_exceeded);
    CHECK(Clock::now() - begun < 5s);
  }
  CHECK(failure({.url = slow.url(), .deadline = Clock::now() - 1s}).code() == Errc::deadline_exceeded);
}

TEST_CASE("a connection that ends before the reply begins") {
  Scripted reset({.delivery = {.resets_before_header = true}});
  CHECK(failure({.url = reset.url()}).code() == Errc::unavailable);
  Scripted closed({.delivery = {.closes_before_header = true}});
  const auto error = failure({.url = closed.url()});
  CHECK(error.code() == Errc::unavailable);
  CHECK(std::string(error.what()).contains("the connection ended before the reply began"));
}

TEST_CASE("a connection that ends in the middle of the reply") {
  const mock::Delivery deliveries[] = {{.resets_after = 5}, {.closes_after = 5}};
  for (const auto& delivery : deliveries) {
    for (const bool is_stream : {false, true}) {
      CAPTURE(is_stream);
      Scripted server({.parts = {"0123456789"}, .is_stream = is_stream, .delivery = delivery});
      auto streamed = wait(transport()->open({.url = server.url()}));
      CHECK(streamed.status == 200);
      const auto read = read_all(*streamed.body);
      REQUIRE(read.error);
      CHECK(read.error->code() == Errc::stream_broken);
      if (!delivery.resets_after) CHECK(read.bytes == "01234");
    }
  }
}

TEST_CASE("stopping works in every phase, from another thread") {
  Scripted hanging({.delivery = {.hangs = true}});
  Scripted slow(stream({"one", "two"}, {.part_delay = 10s}));
  const Silent silent;

  for (const auto& url : {hanging.url(), slow.url(), silent.tls_url()}) {
    CAPTURE(url);
    std::stop_source stop;
    const std::jthread other([&] {
      std::this_thread::sleep_for(50ms);
      stop.request_stop();
    });
    CHECK(failure({.url = url, .stop = stop.get_token()}).code() == Errc::cancelled);
  }
  std::stop_source stopped;
  stopped.request_stop();
  const auto before = slow.server().connections();
  CHECK(failure({.url = slow.url(), .stop = stopped.get_token()}).code() == Errc::cancelled);
  CHECK(slow.server().connections() == before);
}

TEST_CASE("a coroutine that is cancelled gives its request up") {
  Scripted hanging({.delivery = {.hangs = true}});
  std::stop_source stop;
  const std::jthread other([&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });

  const auto response =
      attempt([&] { return wait(until(http::send(transport(), {.url = hanging.url()}), stop.get_token())); });

  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == Errc::cancelled);
  for (int i = 0; i < 200 && hanging.server().open_connections() != 0; ++i) std::this_thread::sleep_for(5ms);
}
