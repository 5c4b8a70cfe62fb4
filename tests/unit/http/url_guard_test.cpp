#include "dspy/http/url_guard.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("addresses of the public internet, and others") {
  for (const auto* const address : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111",
                                    "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"}) {
    CAPTURE(address);
    CHECK(http::is_public_address(address));
  }
  for (const auto* const address :
       {"0.0.0.0",         "10.1.2.3",          "100.64.0.1",  "127.0.0.1", "127.9.9.9",     "169.254.169.254",
        "172.16.0.1",      "172.31.255.1",      "192.168.1.1", "192.0.2.1", "198.18.0.1",    "203.0.113.9",
        "224.0.0.1",       "255.255.255.255",   "::",          "::1",       "fe80::1",       "fc00::1",
        "fd12:3456::1",    "ff02::1",           "2001:db8::1", "2001::1",   "2002:7f00:1::", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "fe80::1%1",   "",          "localhost",     "1.2.3",
        "0x7f.0.0.1"}) {
    CAPTURE(address);
    CHECK_FALSE(http::is_public_address(address));
  }
}

TEST_CASE("URLs are taken apart") {
  const auto url = http::parse_url("HTTPS://Api.Example.com:8443/v1/chat?key=secret#part");
  REQUIRE(url);
  CHECK(url->scheme == "https");
  CHECK(url->host == "api.example.com");
  CHECK(url->port == 8443);
  CHECK(url->path == "/v1/chat");
  CHECK(url->query == "key=secret");
  CHECK(url->origin() == "https://api.example.com:8443");

  CHECK(http::parse_url("http://[::1]:80/")->origin() == "http://[::1]");
  CHECK(http::parse_url("https://example.com")->path == "/");
  CHECK(http::parse_url("https://u:p@example.com")->has_userinfo);
  for (const auto* const text :
       {"", "example.com", "ftp://example.com/", "file:///etc/passwd", "https://", "https://exa mple.com/",
        "https://example.com:0/", "https://example.com:99999/", "https://example.com/\r\nX: y"}) {
    CAPTURE(text);
    CHECK_FALSE(http::parse_url(text));
  }
}

TEST_CASE("names of this machine") {
  for (const auto* const host :
       {"localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"}) {
    CAPTURE(host);
    CHECK(http::is_loopback(host));
  }
  for (const auto* const host : {"", "notlocalhost", "localhost.com", "10.0.0.1", "::2"}) {
    CAPTURE(host);
    CHECK_FALSE(http::is_loopback(host));
  }
}

TEST_CASE("URLs from users reach the public internet only") {
  CHECK(http::require_public("https://example.com/v1").host == "example.com");
  CHECK(http::require_public("http://example.com:8080/", {.allow_plain_http = true, .ports = {}}).port == 8080);

  for (const auto* const text :
       {"http://example.com/", "https://example.com:8443/", "https://user:pass@example.com/", "https://localhost/",
        "https://metadata.google.internal/", "https://printer/", "https://nas.local./",
        "https://169.254.169.254/latest", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://127.0.0.1/",
        "https://0x7f.1/", "https://2130706433/", "https://0177.0.0.1/", "https://10.1/", "gopher://example.com/",
        "https://127.0.0.1%2f@example.com/"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(http::require_public(text), Error);
  }
}

TEST_CASE("a refusal says why, without passwords and queries") {
  CHECK_THROWS_WITH(http::require_public("https://10.0.0.8/?key=abc"),
                    "the URL is not allowed: 10.0.0.8 is not an address of the public internet");
  CHECK_THROWS_WITH(http::require_public("https://me:abc@example.com/"),
                    "the URL is not allowed: it has a name or a password in it; give keys as such");
}
