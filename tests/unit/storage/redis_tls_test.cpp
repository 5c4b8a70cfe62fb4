#include "dspy/base/error.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"
#include "support/cache_server.hpp"
#include "support/certificate.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::storage;

namespace {

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(5);
}

Error failure(const std::string& url) {
  try {
    const RedisConnection connection(RedisAddress::parse(url), soon());
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {Errc::io_error, ""};
}

}  // namespace

TEST_CASE("Connections over TLS: what is sent comes back, and only a trusted server is spoken to") {
  const test::Folder folder;
  const test::Certificate ours, other;
  folder.write("ours.pem", ours.pem());
  folder.write("ours.key", ours.key_pem());
  folder.write("other.pem", other.pem());
  const auto at = [&](const char* name) { return (folder.path / name).string(); };
  const test::CacheServer server(at("ours.pem"), at("ours.key"));
  if (!server.is_there()) {
    MESSAGE("skipped: there is no valkey-server; install it");
    return;
  }
  const auto url = server.url() + "?ca=" + at("ours.pem");

  RedisConnection connection(RedisAddress::parse(url), soon());
  CHECK(connection.ask({"SET", "greeting", "hello"}, soon()).text == "OK");
  CHECK(connection.ask({"GET", "greeting"}, soon()).text == "hello");
  // More than a record, a buffer and a socket hold.
  const std::string large(3'000'000, 'x');
  CHECK(connection.ask({"SET", "large", large}, soon()).text == "OK");
  CHECK(connection.ask({"GET", "large"}, soon()).text == large);
  std::vector<std::vector<std::string>> many;
  for (int i = 0; i < 5'000; ++i) many.push_back({"ECHO", std::to_string(i)});
  const auto answers = connection.ask_all(many, soon());
  REQUIRE(answers.size() == many.size());
  for (std::size_t i = 0; i < answers.size(); ++i) CHECK(answers[i].text == many[i][1]);

  const auto stranger = failure(server.url() + "?ca=" + at("other.pem"));
  CHECK(stranger.code() == Errc::config_error);
  CHECK(std::string(stranger.what()).contains("is not trusted: "));
  CHECK(failure(server.url()).code() == Errc::config_error);  // nobody knows its authority
  const auto named = RedisAddress::parse(url);
  auto elsewhere = named;
  elsewhere.host = "localhost";  // the certificate is of the address
  CHECK_THROWS_AS(RedisConnection(elsewhere, soon()), Error);
  const auto missing = failure(server.url() + "?ca=" + at("none.pem"));
  CHECK(missing.code() == Errc::config_error);
  CHECK(std::string(missing.what()).contains("none.pem"));
}

TEST_CASE("A server without TLS is told from one with it, and one that says nothing is left") {
  const test::CacheServer server;
  if (!server.is_there()) {
    MESSAGE("skipped: there is no valkey-server; install it");
    return;
  }
  auto address = RedisAddress::parse(server.url());
  address.uses_tls = true;
  CHECK_THROWS_AS(RedisConnection(address, std::chrono::steady_clock::now() + std::chrono::seconds(2)), Error);
  server.freeze();
  const auto begun = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(RedisConnection(address, begun + std::chrono::milliseconds(200)), Error);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(3));
  server.thaw();
}
