#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "support/folder.hpp"
#include "support/tls_server.hpp"

#include <doctest/doctest.h>

#include <format>
#include <string>

using namespace dspy;

TEST_CASE("a certificate that nobody vouches for is refused, and no key is sent") {
  const test::Certificate certificate;
  const test::TlsServer server(certificate);
  const auto transport = http::curl_transport();

  const auto response = attempt([&] {
    return wait(http::send(transport, {.method = "GET",
                                       .url = std::format("https://127.0.0.1:{}/", server.port()),
                                       .credentials = {{.header = "X-Api-Key", .value = Secret("sk-canary")}}}));
  });

  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == Errc::unavailable);
  CHECK(std::string(response.error().what()).contains("its certificate could not be verified"));
  CHECK(server.requests() == 0);
}

TEST_CASE("an authority of one's own can be trusted, for the names it vouches for") {
  const test::Certificate certificate;
  const test::TlsServer server(certificate);
  const test::Folder folder;
  const auto file = folder.write("ca.pem", certificate.pem());
  const auto transport = http::curl_transport({.ca_file = file.string()});

  const auto good = std::format("https://127.0.0.1:{}/", server.port());
  CHECK(wait(http::send(transport, {.method = "GET", .url = good})).body == "fine");

  const auto other = std::format("https://localhost:{}/", server.port());
  const auto response = attempt([&] { return wait(http::send(transport, {.method = "GET", .url = other})); });
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == Errc::unavailable);
  CHECK(server.requests() == 1);
}

TEST_CASE("a file of authorities that is not there is told") {
  const auto transport = http::curl_transport({.ca_file = "/nowhere/ca.pem"});

  const auto response = attempt([&] { return wait(http::send(transport, {.url = "https://127.0.0.1:9/"})); });

  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == Errc::unavailable);
}
