#include "dspy/server/listener.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/admission.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/routes.hpp"
#include "support/raw_client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;
using dspy::test::RawClient;

namespace {

struct Seen {
  std::atomic<int> stopped = 0;
  std::atomic<int> slow = 0;
};

std::shared_ptr<Routes> test_routes(std::shared_ptr<Seen> seen = std::make_shared<Seen>()) {
  auto routes = std::make_shared<Routes>();
  routes->add({.path = "/hello", .handler = [](HttpRequest request) -> Async<HttpResponse> {
                 const auto name = request.query.find("name");
                 co_return HttpResponse{.body = "hello " + (name == request.query.end() ? "you" : name->second)};
               }});
  routes->add({.method = "POST", .path = "/echo", .handler = [](HttpRequest request) -> Async<HttpResponse> {
                 co_return HttpResponse{.body = std::move(request.body)};
               }});
  routes->add({.path = "/slow", .handler = [seen](HttpRequest request) -> Async<HttpResponse> {
                 ++seen->slow;
                 try {
                   co_await dspy::sleep(5s, request.stop);
                 } catch (const Error&) {
                   ++seen->stopped;
                   throw;
                 }
                 co_return HttpResponse{.body = "late"};
               }});
  routes->add({.path = "/short", .handler = [seen](HttpRequest request) -> Async<HttpResponse> {
                 ++seen->slow;
                 co_await dspy::sleep(300ms, request.stop);
                 co_return HttpResponse{.body = "done"};
               }});
  routes->add({.path = "/events", .handler = [seen](HttpRequest request) -> Async<HttpResponse> {
                 co_return event_stream([seen, stop = request.stop](std::shared_ptr<Pipe> pipe) -> Async<void> {
                   pipe->push(sent_event("one", {{"n", 1}}));
                   std::thread([pipe] { pipe->push(sent_event("two", {{"n", 2}})); }).detach();
                   try {
                     co_await dspy::sleep(5s, stop);
                   } catch (const Error&) {
                     ++seen->stopped;
                     throw;
                   }
                 });
               }});
  routes->add({.path = "/flood", .handler = [seen](HttpRequest) -> Async<HttpResponse> {
                 co_return HttpResponse{.stream = [seen](BodyWriter& writer) -> Async<void> {
                   for (int i = 0; i < 2000; ++i) {
                     co_await writer.write(std::string(65536, 'x'));
                     ++seen->slow;
                   }
                 }};
               }});
  return routes;
}

std::string ask(std::uint16_t port, std::string_view request) {
  RawClient client(port);
  client.send(request);
  return client.read();
}

template <class F>
bool holds_within(std::chrono::milliseconds time, F condition) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return condition();
}

}  // namespace

TEST_CASE("a connection answers one request after the other, and closes when it is asked to") {
  const Listener listener(test_routes(), {});
  RawClient client(listener.port());
  client.send("GET /hello?name=J%C3%B6rg+B HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto first = client.read("Jörg B");
  CHECK(first.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(first.contains("Content-Length: 13\r\n"));
  CHECK(first.contains("X-Content-Type-Options: nosniff\r\n"));
  CHECK(!first.contains("Connection: close"));
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde");
  CHECK(client.read("abcde").ends_with("\r\n\r\nabcde"));
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Api-Key: smuggled\r\n\r\n");
  const auto last = client.read();
  CHECK(last.contains("Connection: close"));
  CHECK(last.ends_with("\r\n\r\nabcde"));
  CHECK(!client.timed_out());
}

TEST_CASE("requests that come together are answered in their order") {
  const Listener listener(test_routes(), {});
  const auto out = ask(listener.port(),
                       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                       "\r\nGET /short HTTP/1.1\r\nHost: x\r\n\r\n"
                       "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /hello?name=end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto one = out.find("\r\n\r\none"), done = out.find("\r\n\r\ndone"), end = out.find("\r\n\r\nhello end");
  CHECK(one < done);
  CHECK(done < end);
  CHECK(end != std::string::npos);
  CHECK(!out.contains("hello you"));  // HEAD has no body
}

TEST_CASE("what another server could read in another way is refused, and the connection closed") {
  const Listener listener(test_routes(), {});
  const std::string get = "GET /hello HTTP/1.1\r\nHost: x\r\n";
  const std::string post = "POST /echo HTTP/1.1\r\nHost: x\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {post + "Content-Length: +3\r\n\r\nabc", 400},
      {post + "Content-Length: -3\r\n\r\nabc", 400},
      {post + "Content-Length: 0x3\r\n\r\nabc", 400},
      {post + "Content-Length:\r\n\r\n", 400},
      {post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {post + "Content-Length : 3\r\n\r\nabc", 400},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
      {post + "Transfer-Encoding:\x0b chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n" + std::string(20000, 'x'), 400},
      {"POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {get + "X: a\r\n folded\r\n\r\n", 400},
      {get + "X: a\n\r\n", 400},
      {"GET /hello HTTP/1.1\nHost: x\n\n", 400},
      {get + "X: a\rb\r\n\r\n", 400},
      {get + std::string("X: a\0b\r\n\r\n", 10), 400},
      {get + "no colon\r\n\r\n", 400},
      {get + ": no name\r\n\r\n", 400},
      {get + "Host: y\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\n\r\n", 400},
      {"GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /hello\r\nHost: x\r\n\r\n", 400},
      {"GET http://other/hello HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"\x16\x03\x01\x02\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {post + "Expect: 200-maybe\r\nContent-Length: 1\r\n\r\n", 417},
  };
  for (const auto& [request, status] : cases) {
    CAPTURE(request);
    RawClient client(listener.port());
    client.send(request + "GET /hello?name=smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto out = client.read();
    CHECK(out.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
    CHECK(!out.contains("smuggled"));
    CHECK(!client.timed_out());
  }
  CHECK(ask(listener.port(), get + "Connection: close\r\n\r\n").contains("hello you"));
}

TEST_CASE("heads and bodies that are too large are refused at once") {
  ListenerOptions options;
  options.limits.head_bytes = 2000;
  options.limits.header_fields = 10;
  options.limits.body_bytes = 100;
  const Listener listener(test_routes(), options);
  const std::string post = "POST /echo HTTP/1.1\r\nHost: x\r\n";
  CHECK(ask(listener.port(), "GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(3000, 'a'))
            .starts_with("HTTP/1.1 431"));
  std::string many = post;
  for (int i = 0; i < 10; ++i) many += "X-" + std::to_string(i) + ": a\r\n";
  CHECK(ask(listener.port(), many + "\r\n").starts_with("HTTP/1.1 431"));
  CHECK(ask(listener.port(), post + "Content-Length: 101\r\n\r\n").starts_with("HTTP/1.1 413"));
  CHECK(
      ask(listener.port(), post + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'a') + "\r\n0\r\n\r\n")
          .starts_with("HTTP/1.1 413"));
  CHECK(ask(listener.port(), post + "Content-Length: 100\r\nConnection: close\r\n\r\n" + std::string(100, 'a'))
            .starts_with("HTTP/1.1 200"));
  CHECK(listener.state().refused == 4);
}

TEST_CASE("a client that waits before it sends the body is told to go on") {
  const Listener listener(test_routes(), {});
  RawClient client(listener.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  CHECK(client.read("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  CHECK(client.read().ends_with("ok"));
}

TEST_CASE("who sends too slowly, or nothing, is not waited for") {
  ListenerOptions options;
  options.limits.head_time = 200ms;
  options.limits.body_time = 200ms;
  options.limits.idle_time = 200ms;
  const Listener listener(test_routes(), options);
  RawClient drips(listener.port());
  for (const char c : std::string("GET /hello HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxx")) {
    if (!drips.send(std::string(1, c))) break;
    std::this_thread::sleep_for(15ms);
  }
  CHECK(drips.read().starts_with("HTTP/1.1 408"));
  RawClient half(listener.port());
  half.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  CHECK(half.read().starts_with("HTTP/1.1 408"));
  RawClient silent(listener.port());
  CHECK(silent.read().empty());
  CHECK(!silent.timed_out());
  CHECK(holds_within(3s, [&] { return listener.state().connections == 0; }));
}

TEST_CASE("a client that goes away stops its handler") {
  auto seen = std::make_shared<Seen>();
  const Listener listener(test_routes(seen), {});
  {
    RawClient client(listener.port());
    client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(holds_within(2s, [&] { return seen->slow == 1; }));
  }
  CHECK(holds_within(2s, [&] { return seen->stopped == 1; }));
  {
    RawClient client(listener.port());
    client.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto out = client.read("\"n\":2");
    CHECK(out.contains("Transfer-Encoding: chunked"));
    CHECK(out.contains("event: one\ndata: {\"n\":1}\n\n"));
  }
  CHECK(holds_within(2s, [&] { return seen->stopped == 2; }));
  CHECK(holds_within(2s, [&] { return listener.state().connections == 0; }));
}

TEST_CASE("a slow reader holds its writer back, and is not waited for without end") {
  auto seen = std::make_shared<Seen>();
  ListenerOptions options;
  options.limits.write_time = 400ms;
  const Listener listener(test_routes(seen), options);
  RawClient client(listener.port(), 4096);
  client.send("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(holds_within(5s, [&] { return listener.state().connections == 0; }));
  CHECK(seen->slow < 200);  // of 2,000 pieces: what fits into the system's buffers
}

TEST_CASE("a handler that takes too long is stopped") {
  auto seen = std::make_shared<Seen>();
  ListenerOptions options;
  options.limits.request_time = 200ms;
  const Listener listener(test_routes(seen), options);
  CHECK(ask(listener.port(), "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 504"));
  CHECK(seen->stopped == 1);
}

TEST_CASE("drain answers what was asked, closes what is idle, and ends subscriptions") {
  auto seen = std::make_shared<Seen>();
  Listener listener(test_routes(seen), {});
  const auto port = listener.port();
  RawClient idle(port), busy(port), subscriber(port);
  idle.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.read("hello you");
  subscriber.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  subscriber.read("event: two");
  busy.send("GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(holds_within(2s, [&] { return seen->slow == 1; }));
  const auto begun = std::chrono::steady_clock::now();
  CHECK(listener.drain(5s));
  CHECK(std::chrono::steady_clock::now() - begun < 3s);
  const auto last = busy.read();
  CHECK(last.contains("Connection: close"));
  CHECK(last.ends_with("done"));
  CHECK(idle.read().empty());
  CHECK(seen->stopped == 1);
  CHECK_THROWS(RawClient{port});
}

TEST_CASE("drain stops what does not end in time") {
  auto seen = std::make_shared<Seen>();
  Listener listener(test_routes(seen), {});
  RawClient client(listener.port());
  client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(holds_within(2s, [&] { return seen->slow == 1; }));
  CHECK(!listener.drain(200ms));
  CHECK(seen->stopped == 1);
  CHECK(client.read().starts_with("HTTP/1.1 499"));
}

TEST_CASE("connections and requests of one address have limits") {
  ListenerOptions options;
  options.limits.connections = 2;
  options.limits.requests_per_second = 2;
  const Listener listener(test_routes(), options);
  RawClient a(listener.port()), b(listener.port());
  const std::string get = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  for (auto* client : {&a, &b}) {
    client->send(get);
    CHECK(client->read("hello you").starts_with("HTTP/1.1 200"));
  }
  CHECK(RawClient(listener.port()).read().starts_with("HTTP/1.1 503"));
  a.send(get);
  const auto out = a.read("too many");
  CHECK(out.starts_with("HTTP/1.1 429"));
  CHECK(out.contains("Retry-After: 1\r\n"));
}

TEST_CASE("admission lets some run and some wait, and refuses the rest at once") {
  auto admission = std::make_shared<server::Admission>(AdmissionLimits{.running = 1, .waiting = 1});
  auto routes = test_routes();
  routes->add({.method = "POST", .path = "/v1/work", .handler = [](HttpRequest request) -> Async<HttpResponse> {
                 co_await dspy::sleep(300ms, request.stop);
                 co_return HttpResponse{.body = "worked"};
               }});
  routes->set_admission(admission);
  const Listener listener(routes, {});
  const std::string work = "POST /v1/work HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  RawClient first(listener.port()), second(listener.port());
  first.send(work);
  CHECK(holds_within(2s, [&] { return admission->state().running == 1; }));
  second.send(work);
  CHECK(holds_within(2s, [&] { return admission->state().waiting == 1; }));
  const auto refused = ask(listener.port(), work);
  CHECK(refused.starts_with("HTTP/1.1 429"));
  CHECK(refused.contains("Retry-After: "));
  CHECK(ask(listener.port(), "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains("hello"));
  CHECK(first.read().ends_with("worked"));
  CHECK(second.read().ends_with("worked"));
  CHECK(admission->state().running == 0);
  // One that goes away gives its place in the queue back.
  RawClient runs(listener.port());
  runs.send(work);
  CHECK(holds_within(2s, [&] { return admission->state().running == 1; }));
  RawClient waits(listener.port());
  waits.send(work);
  CHECK(holds_within(2s, [&] { return admission->state().waiting == 1; }));
  waits.close();
  CHECK(holds_within(250ms, [&] { return admission->state().waiting == 0; }));
}

TEST_CASE("many connections at once are all answered") {
  const Listener listener(test_routes(), {});
  std::vector<std::future<int>> all;
  for (int i = 0; i < 8; ++i)
    all.push_back(std::async(std::launch::async, [&] {
      int good = 0;
      RawClient client(listener.port());
      for (int n = 0; n < 200; ++n) {
        client.send("GET /hello?name=" + std::to_string(n) + "_ HTTP/1.1\r\nHost: x\r\n\r\n");
        good += client.read("hello " + std::to_string(n) + "_").starts_with("HTTP/1.1 200") ? 1 : 0;
      }
      return good;
    }));
  for (auto& each : all) CHECK(each.get() == 200);
  CHECK(listener.state().requests == 1600);
}

TEST_CASE("addresses") {
  CHECK(listen_at("127.0.0.1:8080").port == 8080);
  CHECK(listen_at(":80").address == "127.0.0.1");
  CHECK(listen_at("[::1]:443").address == "::1");
  for (const auto* wrong : {"", "8080", "host.example:80", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:80x"})
    CHECK_THROWS_AS(listen_at(wrong), Error);
  CHECK(is_loopback("127.0.0.1"));
  CHECK(is_loopback("::1"));
  CHECK(!is_loopback("0.0.0.0"));
  const Listener listener(test_routes(), {});
  CHECK_THROWS_AS(Listener(test_routes(), {.port = listener.port()}), Error);
  CHECK_THROWS_AS(Listener(test_routes(), {.tls = TlsFiles{.certificate = "none.pem", .key = "none.pem"}}), Error);
}
