// What goes wrong between a client and a server.  docs/traps.md lists all traps.

#include "dspy/base/concurrent.hpp"
#include "dspy/base/tasks.hpp"
#include "scripted_server.hpp"
#include "support/folder.hpp"
#include "support/http2_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

/// A port whose queue of connections is full: the next one gets no answer at all.
class Full {
 public:
  Full() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address_), size) == 0);
    REQUIRE(::listen(socket_, 0) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size) == 0);
    for (auto& each : waiting_) {
      each = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      ::connect(each, reinterpret_cast<sockaddr*>(&address_), sizeof(address_));
    }
  }
  ~Full() {
    for (const int each : waiting_) ::close(each);
    ::close(socket_);
  }
  Full(const Full&) = delete;
  Full& operator=(const Full&) = delete;

  std::string url() const { return std::format("http://127.0.0.1:{}/", ntohs(address_.sin_port)); }

 private:
  int socket_;
  sockaddr_in address_ = {};
  std::array<int, 4> waiting_ = {};
};

/// Runs `work` in a process that was forked from this one; what it returns is the exit code.  Ends within ten seconds.
template <class F>
int in_child(F work) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(10);
    work();
    ::_exit(99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

TEST_CASE("Trap 19: a transport that is thrown away does not take the streams along") {
  Scripted server(stream({"one", "two", "three"}, {.part_delay = 20ms}));
  auto own = http::curl_transport();
  std::vector<std::unique_ptr<http::Body>> bodies;
  for (int i = 0; i < 8; ++i) bodies.push_back(wait(own->open({.url = server.url()})).body);
  own.reset();
  for (auto& body : bodies) {
    const auto read = read_all(*body);
    CHECK(read.bytes == "onetwothree");
    CHECK_FALSE(read.error.has_value());
  }
}

TEST_CASE("Trap 23: a request can be given up in each phase, and gives up then") {
  const Full connecting;
  const Silent tls;
  const Silent uploading;
  Scripted header({.delivery = {.hangs = true}});
  Scripted midway(stream({"one", "two"}, {.part_delay = 10s}));
  const auto plain = "http" + uploading.tls_url().substr(5);
  struct Case {
    std::string_view phase;
    http::Request request;
  };
  const std::vector<Case> cases = {
      {"connect", {.url = connecting.url()}},
      {"TLS", {.url = tls.tls_url()}},
      {"upload", {.url = plain, .body = std::string(std::size_t{32} << 20, 'x')}},
      {"header", {.url = header.url()}},
      {"between two pieces", {.url = midway.url()}},
  };
  for (const auto& [phase, request] : cases) {
    CAPTURE(phase);
    std::stop_source stop;
    auto stoppable = request;
    stoppable.stop = stop.get_token();
    const auto begun = std::chrono::steady_clock::now();
    const std::jthread other([&] {
      std::this_thread::sleep_for(60ms);
      stop.request_stop();
    });
    CHECK(failure(std::move(stoppable)).code() == Errc::cancelled);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
  }
}

TEST_CASE("Trap 23: giving up after the end does not undo the reply") {
  Scripted server(text("whole"));
  std::stop_source stop;
  const auto response = ask({.url = server.url(), .stop = stop.get_token()});
  stop.request_stop();
  REQUIRE(response.has_value());
  CHECK(response->body == "whole");
}

TEST_CASE("Trap 24: a forked process is told that it needs a transport of its own, and does not hang") {
  Scripted server(text("fine"));
  const auto own = http::curl_transport();
  REQUIRE(wait(http::send(own, {.url = server.url()})).body == "fine");
  REQUIRE(wait(http::send(http::default_transport(), {.url = server.url()})).body == "fine");

  CHECK(in_child([&] {
          const auto result = attempt([&] { return wait(http::send(own, {.url = server.url()})); });
          const bool is_told = !result && std::string_view(result.error().what()).contains("forked");
          ::_exit(is_told ? 0 : 1);
        }) == 0);
  CHECK(in_child([&] {
          const auto result =
              attempt([&] { return wait(http::send(http::default_transport(), {.url = server.url()})); });
          ::_exit(result && result->body == "fine" ? 0 : 1);
        }) == 0);
  // Ending such a process takes apart what it has of the transport, which must neither hang nor disturb the other.
  CHECK(in_child([&] { std::exit(7); }) == 7);
  CHECK(in_child([&] {
          auto copy = own;
          copy.reset();
          ::_exit(8);
        }) == 8);
  CHECK(wait(http::send(own, {.url = server.url()})).body == "fine");
}

TEST_CASE("Trap 35: a redirect is not followed, so no key goes where it leads") {
  Scripted elsewhere(text("give me the key"));
  for (const int status : {301, 302, 303, 307, 308}) {
    CAPTURE(status);
    Scripted server({.status = status, .headers = {{"Location", elsewhere.url()}}, .parts = {""}});
    const auto response = ask(
        {.url = server.url(), .credentials = {{.header = "Authorization", .prefix = "Bearer ", .value = Secret("k")}}});
    REQUIRE(response.has_value());
    CHECK(response->status == status);
  }
  CHECK(ask({.url = elsewhere.url()})->status == 200);
  CHECK_FALSE(elsewhere.last().headers.contains("authorization"));
}

TEST_CASE("Trap 38: a stream that HTTP/2 cuts by GOAWAY or RST_STREAM is broken, and not asked for again") {
  const Certificate certificate;
  const Folder folder;
  const auto file = folder.write("ca.pem", certificate.pem());
  for (const auto act : {Http2Server::Act::cut, Http2Server::Act::reset_midway}) {
    Http2Server server(certificate, {act});
    const auto transport = http::curl_transport({.ca_file = file.string()});
    auto streamed = wait(transport->open({.url = server.url(), .body = "{}"}));
    CHECK(streamed.status == 200);
    const auto read = read_all(*streamed.body);
    CHECK(read.bytes == "fi");
    REQUIRE(read.error.has_value());
    CHECK(read.error->code() == Errc::stream_broken);
    CHECK(server.requests() == 1);
  }
}

TEST_CASE("Trap 38: a request that HTTP/2 did not begin is sent again, unseen") {
  const Certificate certificate;
  const Folder folder;
  const auto file = folder.write("ca.pem", certificate.pem());
  for (const auto act : {Http2Server::Act::refuse, Http2Server::Act::go_away}) {
    Http2Server server(certificate, {act});
    const auto transport = http::curl_transport({.ca_file = file.string()});
    const auto response = wait(http::send(transport, {.url = server.url(), .body = "{}"}));
    CHECK(response.body == "fine");
    CHECK(server.requests() == 2);
  }
}

TEST_CASE("Requests at once share a connection over HTTP/2") {
  const Certificate certificate;
  const Folder folder;
  const auto file = folder.write("ca.pem", certificate.pem());
  Http2Server server(certificate, {});
  const auto transport = http::curl_transport({.ca_file = file.string()});
  wait(run_concurrently(50, 50, [&](std::size_t) -> Async<void> {
    const auto response = co_await http::send(transport, {.url = server.url(), .body = "{}"});
    CHECK(response.body == "fine");
  }));
  CHECK(server.requests() == 50);
  CHECK(server.connections() == 1);
}
