#include "storage/resp.hpp"

#include "dspy/base/error.hpp"
#include "storage/redis_connection.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace dspy;
using storage::RedisAddress;
using storage::RespReader;
using storage::RespValue;

TEST_CASE("Commands have their lengths before them, whatever bytes they are of") {
  const std::array<std::string_view, 3> words{"SET", "a\r\nb", ""};
  CHECK(storage::resp_command(words) == "*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
}

TEST_CASE("Values are read the same however they are cut") {
  const std::string_view wire = "+OK\r\n:-7\r\n$-1\r\n$4\r\na\r\nb\r\n-ERR no\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n";
  const std::vector<RespValue> expected = {
      {.kind = RespValue::Kind::text, .text = "OK"},
      {.kind = RespValue::Kind::integer, .integer = -7},
      {},
      {.kind = RespValue::Kind::text, .text = "a\r\nb"},
      {.kind = RespValue::Kind::error, .text = "ERR no"},
      {.kind = RespValue::Kind::list,
       .list = {{.kind = RespValue::Kind::text, .text = "0"},
                {.kind = RespValue::Kind::list, .list = {{.kind = RespValue::Kind::text, .text = "k"}}}}},
  };
  for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
    RespReader reader;
    std::vector<RespValue> values;
    for (std::size_t at = 0; at < wire.size(); at += piece) {
      reader.feed(wire.substr(at, piece));
      while (auto value = reader.next()) values.push_back(*std::move(value));
    }
    CHECK(values == expected);
  }
}

TEST_CASE("What is not RESP is an error") {
  for (const auto* const wire : {"HTTP/1.1 400 Bad Request\r\n", ":x\r\n", "$-2\r\n", "$99999999999\r\n",
                                 "$1\r\nabc\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "\r\n"}) {
    CAPTURE(wire);
    RespReader reader;
    reader.feed(wire);
    CHECK_THROWS_AS(reader.next(), Error);
  }
}

TEST_CASE("Addresses of servers are read, and mistakes in them are told without the password") {
  const auto full = RedisAddress::parse("redis://me:p@ss:word@cache.example:7000/3");
  CHECK(full.host == "cache.example");
  CHECK(full.port == 7000);
  CHECK(full.user == "me");
  CHECK(full.password == Secret("p@ss:word"));
  CHECK(full.database == 3);
  CHECK(RedisAddress::parse("valkey://localhost").port == 6379);
  CHECK(RedisAddress::parse("redis://[::1]:7").host == "::1");
  CHECK(RedisAddress::parse("redis://:secret@h").user.empty());
  CHECK_FALSE(RedisAddress::parse("redis://h").uses_tls);
  const auto sealed = RedisAddress::parse("rediss://me:pass@h:7/2?ca=/etc/own.pem");
  CHECK(sealed.uses_tls);
  CHECK(sealed.authority == "/etc/own.pem");
  CHECK(sealed.database == 2);
  CHECK(sealed.port == 7);
  CHECK(RedisAddress::parse("valkeys://h").uses_tls);
  for (const auto* const url : {"http://h", "redis://", "redis://u:canary@h:0", "redis://u:canary@h:99999",
                                "redis://u:canary@h/x", "redis://u:canary@h?ca=x", "redis://[::1", ""}) {
    CAPTURE(url);
    const auto refused = attempt([&] { RedisAddress::parse(url); });
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == Errc::config_error);
    CHECK_FALSE(std::string_view(refused.error().what()).contains("canary"));
  }
}
