#include "dspy/http/curl_transport.hpp"

#include "dspy/base/tasks.hpp"
#include "scripted_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

TEST_CASE("a request arrives as it was meant, and so does the reply") {
  Scripted server({.status = 201, .headers = {{"X-Request-Id", "r-1"}}, .parts = {"fine"}});

  const auto response =
      ask({.url = server.url("/v1/chat?x=1"),
           .headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}},
           .body = "{\"a\":1}",
           .credentials = {{.header = "Authorization", .prefix = "Bearer ", .value = Secret("sk-1")}}});

  REQUIRE(response.has_value());
  CHECK(response->status == 201);
  CHECK(response->headers.find("x-request-id") == "r-1");
  CHECK(response->body == "fine");
  auto got = server.last();
  CHECK(got.method == "POST");
  CHECK(got.path == "/v1/chat");
  CHECK(got.query["x"] == "1");
  CHECK(got.body == "{\"a\":1}");
  CHECK(got.headers["authorization"] == "Bearer sk-1");
  CHECK(got.headers["content-type"] == "application/json");
  CHECK(got.headers.contains("x-empty"));
  CHECK(got.headers["user-agent"].starts_with("dspy-cpp/"));
  CHECK_FALSE(got.headers.contains("expect"));
}

TEST_CASE("methods without a body") {
  Scripted server(text("list"));
  CHECK(ask({.method = "GET", .url = server.url()})->body == "list");
  CHECK(server.last().method == "GET");
  CHECK_FALSE(server.last().headers.contains("content-type"));
  CHECK(ask({.method = "DELETE", .url = server.url()})->body == "list");
  CHECK(server.last().method == "DELETE");
  CHECK(ask({.method = "HEAD", .url = server.url()})->body.empty());
  CHECK(ask({.url = server.url()})->body == "list");
  CHECK(server.last().headers["content-length"] == "0");
}

TEST_CASE("a status of 400 or more is a reply, and a redirect is not followed") {
  Scripted server({.status = 429, .headers = {{"Retry-After", "2"}}, .parts = {"slow down"}});
  const auto refused = ask({.url = server.url()});
  REQUIRE(refused.has_value());
  CHECK(refused->status == 429);
  CHECK(refused->body == "slow down");

  Scripted elsewhere({.status = 307, .headers = {{"Location", server.url()}}, .parts = {""}});
  CHECK(ask({.url = elsewhere.url()})->status == 307);
}

TEST_CASE("what cannot be sent is refused before anything is sent") {
  Scripted server(text(""));
  CHECK(failure({.url = "example.com"}).code() == Errc::invalid_parameter);
  CHECK(failure({.url = "file:///etc/passwd"}).code() == Errc::invalid_parameter);
  CHECK(failure({.url = "http://me:secret@127.0.0.1/"}).code() == Errc::invalid_parameter);
  CHECK(failure({.url = server.url(), .headers = {{"X: y\r\nZ", "1"}}}).code() == Errc::invalid_parameter);
  const auto error =
      failure({.url = server.url(), .credentials = {{.header = "X-Api-Key", .value = Secret("sk-canary\n")}}});
  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string(error.what()).contains("X-Api-Key"));
  CHECK_FALSE(std::string(error.what()).contains("canary"));
  CHECK(server.server().connections() == 0);
}

TEST_CASE("a refused connection names the origin, and neither query nor key") {
  const auto port = free_port();

  const auto error = failure({.url = std::format("http://127.0.0.1:{}/v1?key=sk-canary", port),
                              .credentials = {{.header = "X-Api-Key", .value = Secret("sk-canary")}}});

  CHECK(error.code() == Errc::unavailable);
  CHECK(std::string(error.what()).starts_with(std::format("http://127.0.0.1:{}: the connection failed", port)));
  CHECK_FALSE(std::string(error.what()).contains("canary"));
}

TEST_CASE("a name that does not exist") {
  const auto error = failure({.url = "http://no-such-host.invalid/", .timeouts = {.connect = 5s}});
  CHECK((error.code() == Errc::unavailable || error.code() == Errc::timeout));
}

TEST_CASE("a slow reader holds the sender back, and gets every byte") {
  constexpr std::size_t size = std::size_t{64} << 20;
  std::string whole(size, '\0');
  for (std::size_t i = 0; i < size; ++i) whole[i] = static_cast<char>((i * 2654435761U) >> 13);
  Scripted server({.parts = {whole}, .is_stream = true, .delivery = {.piece_bytes = 1 << 20}});

  auto streamed = wait(transport()->open({.url = server.url()}));
  std::this_thread::sleep_for(300ms);
  CHECK(server.server().bytes_sent() < size / 2);
  std::size_t most = 0;
  std::size_t at = 0;
  while (const auto piece = wait(streamed.body->next())) {
    most = std::max(most, piece->size());
    REQUIRE(std::string_view(whole).substr(at, piece->size()) == *piece);
    at += piece->size();
  }

  CHECK(at == size);
  CHECK(most <= std::size_t{256} * 1024);
}

TEST_CASE("two hundred streams at once") {
  Scripted server(stream({"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"}, {.part_delay = 20ms}));
  std::vector<Async<http::Response>> all;
  for (int i = 0; i < 200; ++i) all.push_back(http::send(transport(), {.url = server.url()}));

  const auto begun = std::chrono::steady_clock::now();
  const auto responses = wait(when_all(std::move(all)));

  for (const auto& response : responses) CHECK(response.body == "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  CHECK(std::chrono::steady_clock::now() - begun < 8s);  // one after the other: 8 s and more
}

TEST_CASE("requests of several threads") {
  Scripted server(text("fine"));
  std::atomic<int> fine = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 25; ++k) fine += ask({.url = server.url()}).value().body == "fine" ? 1 : 0;
      });
    }
  }
  CHECK(fine == 200);
}

TEST_CASE("a connection is used again, also where the reader leaves at the protocol's end") {
  Scripted server(stream({"data: 1\n\n", "data: [DONE]\n\n"}));
  const auto own = http::curl_transport();

  for (int i = 0; i < 10; ++i) {
    auto streamed = wait(own->open({.url = server.url()}));
    std::string bytes;
    while (!bytes.contains("[DONE]")) bytes += wait(streamed.body->next()).value();
    streamed.body.reset();
    std::this_thread::sleep_for(10ms);
  }

  CHECK(server.server().connections() <= 2);
}

TEST_CASE("a reader who leaves early gives the transfer up") {
  Scripted server(stream(std::vector<std::string>(1000, "x"), {.part_delay = 10ms}));
  const auto own = http::curl_transport();

  auto streamed = wait(own->open({.url = server.url()}));
  CHECK(wait(streamed.body->next()).has_value());
  streamed.body.reset();

  for (int i = 0; i < 400 && server.server().open_connections() != 0; ++i) std::this_thread::sleep_for(5ms);
  CHECK(server.server().open_connections() == 0);
}

TEST_CASE("a body outlives its transport") {
  Scripted server(stream({"one", "two"}, {.part_delay = 30ms}));
  auto own = http::curl_transport();
  auto streamed = wait(own->open({.url = server.url()}));

  own.reset();

  CHECK(read_all(*streamed.body).bytes == "onetwo");
}

TEST_CASE("headers have a bound") {
  Scripted server({.headers = {{"X-Long", std::string(5000, 'x')}}, .parts = {"fine"}});
  const auto strict = http::curl_transport({.most_header_bytes = 4096});

  const auto response = attempt([&] { return wait(http::send(strict, {.url = server.url()})); });

  REQUIRE_FALSE(response.has_value());
  CHECK(std::string(response.error().what()).contains("4096 bytes"));
  CHECK(ask({.url = server.url()})->body == "fine");
}

TEST_CASE("options that could not work are refused") {
  CHECK_THROWS_AS(http::curl_transport({.buffer_bytes = 0}), Error);
  CHECK_THROWS_AS(http::curl_transport({.most_header_bytes = 0}), Error);
  CHECK_THROWS_AS(http::curl_transport({.connections_per_host = -1}), Error);
}

TEST_CASE("a body beyond what the caller allows") {
  Scripted server(text(std::string(1000, 'x')));

  const auto response = attempt([&] { return wait(http::send(transport(), {.url = server.url()}, 999)); });

  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == Errc::stream_broken);
  CHECK(wait(http::send(transport(), {.url = server.url()}, 1000)).body.size() == 1000);
}

TEST_CASE("compressed replies are handed out as they were meant") {
  constexpr std::string_view packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\xcc\x2b\x2e\x4f\x2d\x52\xb2\x32\x31\xaa\x05\x00\xf5\x65\xd9"
      "\xcc"
      "\x0d\x00\x00\x00",
      33);
  Scripted server({.headers = {{"Content-Encoding", "gzip"}}, .parts = {std::string(packed)}});

  const auto response = ask({.url = server.url()});
  CHECK(response->body == "{\"answer\":42}");
  CHECK_FALSE(response->headers.find("Content-Encoding"));
  CHECK(server.last().headers["accept-encoding"].contains("gzip"));

  CHECK(ask({.url = server.url(), .headers = {{"Accept", "text/event-stream"}}})->body == "{\"answer\":42}");
  CHECK(server.last().headers["accept-encoding"] == "identity");
}

TEST_CASE("addresses that are not public can be shut out") {
  Scripted server(text("secret"));
  const auto guarded = http::curl_transport({.only_public_addresses = true});

  for (const auto& host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"}) {
    CAPTURE(host);
    const auto url = std::format("http://{}:{}/", host, server.server().port());
    const auto response = attempt([&] { return wait(http::send(guarded, {.url = url})); });
    REQUIRE_FALSE(response.has_value());
    CHECK(response.error().code() == Errc::invalid_parameter);
  }
  CHECK(server.server().connections() == 0);
}

TEST_CASE("an event loop that goes away takes what waits on it along") {
  Scripted hanging({.delivery = {.hangs = true}});
  {
    boost::asio::io_context loop;
    boost::asio::co_spawn(loop, http::send(transport(), {.url = hanging.url()}), [](auto&&...) {});
    for (int i = 0; i < 200 && hanging.server().open_connections() == 0; ++i) {
      loop.poll();
      std::this_thread::sleep_for(5ms);
    }
    CHECK(hanging.server().open_connections() == 1);
  }
  Scripted server(text("fine"));
  CHECK(ask({.url = server.url()})->body == "fine");
}
