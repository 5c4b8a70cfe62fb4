#include "dspy/server/local_guard.hpp"

#include "dspy/base/wait.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace dspy;
using namespace dspy::server;

namespace {

int status(const std::string& host, const std::string& origin) {
  HttpRequest request;
  if (!host.empty()) request.headers.set("Host", host);
  if (!origin.empty()) request.headers.set("Origin", origin);
  try {
    const auto caller = wait(local_guard()(request));
    CHECK(may(caller, "anything"));
    return 200;
  } catch (const HttpError& error) {
    return error.status();
  }
}

}  // namespace

TEST_CASE("without keys this machine's own names are answered, whatever the client is") {
  for (const auto* const host : {"localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "app.localhost:1", ""})
    CHECK(status(host, "") == 200);
  CHECK(status("localhost:8080", "http://localhost:8080") == 200);
}

TEST_CASE("pages of other sites are refused, and names that others may have pointed here") {
  CHECK(status("127.0.0.1:8080", "https://evil.example") == 403);
  CHECK(status("127.0.0.1:8080", "null") == 403);
  CHECK(status("127.0.0.1:8080", "http://127.0.0.1:9090") == 403);
  CHECK(status("evil.example:8080", "http://evil.example:8080") == 403);
  CHECK(status("evil.example", "") == 403);
  CHECK(status("127.0.0.1.evil.example:80", "") == 403);
  CHECK(status("localhost.evil.example", "") == 403);
}
