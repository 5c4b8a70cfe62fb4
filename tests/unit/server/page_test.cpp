#include "dspy/server/page.hpp"

#include "dspy/base/wait.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

using namespace dspy;
using namespace dspy::server;

namespace {

constexpr std::array<PageFile, 2> two = {{
    {.path = "/", .type = "text/html; charset=utf-8", .etag = "\"one\"", .bytes = "<!doctype html>", .gzip = {}},
    {.path = "/assets/a.js", .type = "text/javascript", .etag = "\"two\"", .bytes = "let a = 1", .gzip = "\x1f\x8b"},
}};

HttpResponse ask(const std::string& path, http::Headers headers = {}) {
  Routes routes;
  routes.add(page_routes(two));
  return wait(routes.answer({.path = path, .headers = std::move(headers)}));
}

std::string header(const HttpResponse& response, std::string_view name) {
  return std::string(response.headers.find(name).value_or(""));
}

}  // namespace

TEST_CASE("the page is asked for each time, its assets once") {
  const auto page = ask("/");
  CHECK(page.status == 200);
  CHECK(page.body == "<!doctype html>");
  CHECK(header(page, "Cache-Control") == "no-cache");
  CHECK(header(page, "Content-Type") == "text/html; charset=utf-8");
  const auto asset = ask("/assets/a.js");
  CHECK(asset.body == "let a = 1");
  CHECK(header(asset, "Cache-Control").contains("immutable"));
}

TEST_CASE("nothing runs on the page but its own files") {
  const auto policy = header(ask("/"), "Content-Security-Policy");
  CHECK(policy.starts_with("default-src 'none'; script-src 'self';"));
  CHECK(policy.contains("frame-ancestors 'none'"));
  CHECK_FALSE(policy.contains("unsafe"));
  CHECK(header(ask("/assets/a.js"), "X-Content-Type-Options") == "nosniff");
}

TEST_CASE("compressed where that is understood") {
  for (const auto* const takes : {"gzip", "br, gzip", "gzip;q=0.5", " gzip ; q=1 "}) {
    CAPTURE(takes);
    const auto response = ask("/assets/a.js", {{"Accept-Encoding", takes}});
    CHECK(header(response, "Content-Encoding") == "gzip");
    CHECK(response.body == "\x1f\x8b");
    CHECK(header(response, "ETag") == "\"two-gzip\"");
  }
  for (const auto* const refuses : {"", "br", "gzip;q=0", "gzip; q=0.0", "gzipped"}) {
    CAPTURE(refuses);
    const auto response = ask("/assets/a.js", {{"Accept-Encoding", refuses}});
    CHECK(header(response, "Content-Encoding").empty());
    CHECK(response.body == "let a = 1");
    CHECK(header(response, "Vary") == "Accept-Encoding");
  }
  CHECK(header(ask("/", {{"Accept-Encoding", "gzip"}}), "Content-Encoding").empty());
}

TEST_CASE("what the browser has is not sent again") {
  for (const auto* const tags : {"\"two\"", "W/\"two\"", "\"x\", \"two\"", "*"}) {
    CAPTURE(tags);
    const auto response = ask("/assets/a.js", {{"If-None-Match", tags}});
    CHECK(response.status == 304);
    CHECK(response.body.empty());
  }
  CHECK(ask("/assets/a.js", {{"If-None-Match", "\"one\""}}).status == 200);
  CHECK(ask("/assets/a.js", {{"If-None-Match", "\"two\""}, {"Accept-Encoding", "gzip"}}).status == 200);
}

TEST_CASE("no other file is reached") {
  for (const auto* const path : {"/assets/", "/assets/b.js", "/assets/../etc/passwd", "/assets//a.js"}) {
    CAPTURE(path);
    CHECK(ask(path).status == 404);
  }
}

TEST_CASE("a server without the page says so") {
  Routes routes;
  routes.add(page_routes({}));
  const auto response = wait(routes.answer({.path = "/"}));
  CHECK(response.status == 404);
  CHECK(response.body.contains("built without its page"));
}

TEST_CASE("the page that was built is whole and small") {
  if (page_files().empty()) {
    MESSAGE("built without the page");
    return;
  }
  std::size_t total = 0;
  bool has_page = false;
  for (const auto& file : page_files()) {
    CAPTURE(file.path);
    CHECK_FALSE(file.bytes.empty());
    CHECK(file.etag.size() > 10);
    total += file.bytes.size();
    if (file.path != "/") continue;
    has_page = true;
    CHECK(file.bytes.starts_with("<!doctype html>"));
    CHECK_FALSE(file.bytes.contains("://"));  // works without a network
  }
  CHECK(has_page);
  CHECK(total <= 300'000);
}
