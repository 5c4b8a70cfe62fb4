#include "models/transfer.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/headers.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dspy::models {
namespace {

using Step = Transfer::Step;

constexpr std::chrono::system_clock::time_point now{};

const RemoteFile file{.name = "x.gguf", .url = "https://hub.example/o/r/resolve/main/x.gguf", .bytes = 100};

Transfer transfer(RemoteFile what = file, std::uint64_t have = 0, Validator known = {}) {
  return Transfer(std::move(what), Secret("key"), have, std::move(known),
                  {.attempts = 3, .redirects = 2, .pause = std::chrono::milliseconds(10)});
}

std::string header(const http::Request& request, std::string_view name) {
  return std::string(request.headers.find(name).value_or(""));
}

template <class Work>
Error error_of(Work work) {
  const auto result = attempt(work);
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

TEST_CASE("a file that comes at once is done when all of it is here") {
  auto at = transfer();
  CHECK(header(at.request(), "range").empty());
  CHECK(at.request().credentials.size() == 1);
  CHECK(std::holds_alternative<Transfer::Restart>(
      at.on_header(200, {{"Content-Length", "100"}, {"ETag", "\"a\""}}, now)));
  at.on_bytes(60);
  at.on_bytes(40);
  CHECK(std::holds_alternative<Transfer::Done>(at.on_end()));
}

TEST_CASE("the rest is asked for by range, and only of the same file") {
  auto at = transfer();
  at.on_header(200, {{"Content-Length", "100"}, {"ETag", "\"a\""}}, now);
  at.on_bytes(60);
  const auto step = at.on_failure(Error(Errc::stream_broken, "cut"));
  REQUIRE(std::holds_alternative<Transfer::Ask>(step));
  CHECK_FALSE(std::get<Transfer::Ask>(step).forgets);
  CHECK(header(at.request(), "range") == "bytes=60-");
  CHECK(header(at.request(), "if-range") == "\"a\"");
  CHECK(std::holds_alternative<Transfer::Append>(
      at.on_header(206, {{"Content-Range", "bytes 60-99/100"}, {"ETag", "\"a\""}}, now)));
  at.on_bytes(40);
  CHECK(std::holds_alternative<Transfer::Done>(at.on_end()));
}

TEST_CASE("a server that sends all again, or another part, or has another file by now, is started over with") {
  auto at = transfer(file, 60, {.etag = "\"a\"", .bytes = 100});
  CHECK(std::holds_alternative<Transfer::Restart>(at.on_header(200, {{"Content-Length", "100"}}, now)));
  CHECK(at.have() == 0);

  auto other = transfer(file, 60, {.etag = "\"a\"", .bytes = 100});
  const auto step = other.on_header(206, {{"Content-Range", "bytes 0-99/100"}}, now);
  REQUIRE(std::holds_alternative<Transfer::Ask>(step));
  CHECK(std::get<Transfer::Ask>(step).forgets);
  CHECK(other.have() == 0);

  auto changed = transfer({.name = "x.gguf", .url = file.url}, 60, {.etag = "\"a\"", .bytes = 100});
  const auto again = changed.on_header(206, {{"Content-Range", "bytes 60-119/120"}}, now);
  REQUIRE(std::holds_alternative<Transfer::Ask>(again));
  CHECK(std::get<Transfer::Ask>(again).forgets);
}

TEST_CASE("a date names the bytes where a server has no tags, unless they may still change in that second") {
  const RemoteFile bare{.name = "x.gguf", .url = file.url};
  auto at = transfer(bare);
  at.on_header(200,
               {{"Content-Length", "100"},
                {"Date", "Mon, 02 Mar 2026 10:00:00 GMT"},
                {"Last-Modified", "Sun, 01 Mar 2026 10:00:00 GMT"}},
               now);
  at.on_bytes(60);
  const auto step = at.on_failure(Error(Errc::stream_broken, "cut"));
  REQUIRE(std::holds_alternative<Transfer::Ask>(step));
  CHECK_FALSE(std::get<Transfer::Ask>(step).forgets);
  CHECK(header(at.request(), "if-range") == "Sun, 01 Mar 2026 10:00:00 GMT");
  const auto changed = at.on_header(206,
                                    {{"Content-Range", "bytes 60-99/100"},
                                     {"Date", "Mon, 02 Mar 2026 11:00:00 GMT"},
                                     {"Last-Modified", "Mon, 02 Mar 2026 10:30:00 GMT"}},
                                    now);
  REQUIRE(std::holds_alternative<Transfer::Ask>(changed));
  CHECK(std::get<Transfer::Ask>(changed).forgets);

  auto young = transfer(bare);
  young.on_header(200,
                  {{"Content-Length", "100"},
                   {"Date", "Mon, 02 Mar 2026 10:00:00 GMT"},
                   {"Last-Modified", "Mon, 02 Mar 2026 10:00:00 GMT"}},
                  now);
  young.on_bytes(60);
  CHECK(std::get<Transfer::Ask>(young.on_failure(Error(Errc::stream_broken, "cut"))).forgets);
}

TEST_CASE("what is here is asked for only if it has changed, by tag or by date") {
  const RemoteFile bare{.name = "x.gguf", .url = file.url};
  auto tagged = transfer(bare);
  tagged.compare_with({.validator = {.etag = "\"a\"", .modified = "Sun, 01 Mar 2026 10:00:00 GMT", .bytes = 100}});
  CHECK(header(tagged.request(), "if-none-match") == "\"a\"");
  CHECK(header(tagged.request(), "if-modified-since").empty());
  CHECK(std::holds_alternative<Transfer::Unchanged>(tagged.on_header(304, {}, now)));
  CHECK(std::holds_alternative<Transfer::Unchanged>(
      tagged.on_header(200, {{"ETag", "\"a\""}, {"Content-Length", "100"}}, now)));
  CHECK(std::holds_alternative<Transfer::Restart>(
      tagged.on_header(200, {{"ETag", "\"b\""}, {"Content-Length", "100"}}, now)));

  auto dated = transfer(bare);
  dated.compare_with({.validator = {.modified = "Sun, 01 Mar 2026 10:00:00 GMT", .bytes = 100}});
  CHECK(header(dated.request(), "if-modified-since") == "Sun, 01 Mar 2026 10:00:00 GMT");
  CHECK(error_of([&] { transfer(bare).on_header(304, {}, now); }).code() == Errc::unavailable);
}

TEST_CASE("416 means that all is here, or that nothing here is worth anything") {
  auto whole = transfer(file, 100, {.etag = "\"a\"", .bytes = 100});
  CHECK(std::holds_alternative<Transfer::Done>(whole.on_header(416, {{"Content-Range", "bytes */100"}}, now)));
  auto other = transfer(file, 60, {.etag = "\"a\"", .bytes = 100});
  const auto step = other.on_header(416, {{"Content-Range", "bytes */50"}}, now);
  REQUIRE(std::holds_alternative<Transfer::Ask>(step));
  CHECK(std::get<Transfer::Ask>(step).forgets);
  CHECK(error_of([&] { other.on_header(416, {}, now); }).code() == Errc::unavailable);
}

TEST_CASE("redirects are followed, without the key elsewhere, and never away from TLS or round in circles") {
  auto at = transfer();
  const std::string digest(64, 'a');
  at.on_header(302,
               {{"Location", "https://store.example/blob?sig=1"},
                {"X-Linked-ETag", "\"" + digest + "\""},
                {"X-Linked-Size", "100"}},
               now);
  CHECK(at.request().url == "https://store.example/blob?sig=1");
  CHECK(at.request().credentials.empty());
  CHECK(at.sha256() == digest);
  at.on_header(200, {{"Content-Length", "100"}}, now);
  at.on_failure(Error(Errc::timeout, "idle"));
  CHECK(at.request().url == file.url);  // a signed address may be good for once only
  CHECK(at.request().credentials.size() == 1);

  auto same = transfer();
  same.on_header(307, {{"Location", "/other"}}, now);
  CHECK(same.request().url == "https://hub.example/other");
  CHECK(same.request().credentials.size() == 1);

  CHECK(error_of([&] { transfer().on_header(302, {{"Location", "http://hub.example/"}}, now); }).code() ==
        Errc::unavailable);
  CHECK(error_of([&] { transfer().on_header(302, {}, now); }).code() == Errc::unavailable);
  auto circle = transfer();
  circle.on_header(302, {{"Location", "/a"}}, now);
  circle.on_header(302, {{"Location", "/b"}}, now);
  CHECK(error_of([&] { circle.on_header(302, {{"Location", "/a"}}, now); }).code() == Errc::unavailable);
}

TEST_CASE(
    "an address that has expired is asked for anew; one that is refused at its source is an error with a remedy") {
  auto at = transfer();
  at.on_header(302, {{"Location", "https://store.example/blob"}}, now);
  CHECK(std::holds_alternative<Transfer::Ask>(at.on_header(403, {}, now)));
  CHECK(at.request().url == file.url);
  const auto gated = error_of([&] { transfer().on_header(403, {}, now); });
  CHECK(gated.code() == Errc::authentication_failed);
  CHECK(std::string_view(gated.what()).contains("HF_TOKEN"));
  CHECK(error_of([&] { transfer().on_header(404, {}, now); }).code() == Errc::model_not_found);
}

TEST_CASE("busy servers are asked again when they say, but not for ever") {
  auto at = transfer();
  const auto step = at.on_header(503, {{"Retry-After", "7"}}, now);
  REQUIRE(std::holds_alternative<Transfer::Ask>(step));
  CHECK(std::get<Transfer::Ask>(step).pause == std::chrono::seconds(7));
  CHECK(std::get<Transfer::Ask>(at.on_header(500, {}, now)).pause == std::chrono::milliseconds(20));
  CHECK(error_of([&] { at.on_header(500, {}, now); }).code() == Errc::unavailable);
}

TEST_CASE("failures in a row end it, and only new bytes begin the count anew") {
  auto at = transfer();
  for (int round = 0; round < 5; ++round) {
    at.on_header(round == 0 ? 200 : 206,
                 {{"ETag", "\"a\""}, {"Content-Range", "bytes " + std::to_string(at.have()) + "-99/100"}}, now);
    at.on_bytes(10);
    CHECK(std::holds_alternative<Transfer::Ask>(at.on_failure(Error(Errc::stream_broken, "cut"))));
  }
  at.on_failure(Error(Errc::unavailable, "down"));
  const auto error = error_of([&] { at.on_failure(Error(Errc::unavailable, "down")); });
  CHECK(error.code() == Errc::unavailable);
  CHECK(std::string_view(error.what()).contains("offline"));
  CHECK(std::string_view(error.what()).contains("50 bytes are here"));

  // The same bytes over and over are not progress.
  auto same = transfer({.name = "x.gguf", .url = file.url});
  int rounds = 0;
  const auto ended = error_of([&] {
    for (; rounds < 100; ++rounds) {
      same.on_header(200, {}, now);
      same.on_bytes(10);
      same.on_failure(Error(Errc::stream_broken, "cut"));
    }
  });
  CHECK(ended.code() == Errc::stream_broken);
  CHECK(rounds < 5);
  CHECK(error_of([&] { transfer().on_failure(Error(Errc::cancelled, "stop")); }).code() == Errc::cancelled);
}

TEST_CASE("wrong lengths and wrong digests are errors") {
  CHECK(error_of([&] { transfer().on_header(200, {{"Content-Length", "99"}}, now); }).code() == Errc::stream_broken);
  auto more = transfer();
  more.on_header(200, {}, now);
  CHECK(error_of([&] { more.on_bytes(101); }).code() == Errc::stream_broken);
  auto less = transfer();
  less.on_header(200, {{"ETag", "\"a\""}}, now);
  less.on_bytes(50);
  CHECK(std::holds_alternative<Transfer::Ask>(less.on_end()));

  auto wrong = transfer();
  wrong.on_header(200, {{"Content-Length", "100"}}, now);
  wrong.on_bytes(100);
  CHECK(std::holds_alternative<Transfer::Done>(wrong.on_end()));
  CHECK(std::get<Transfer::Ask>(wrong.on_wrong_digest("ab")).forgets);
  CHECK(error_of([&] { wrong.on_wrong_digest("ab"); }).code() == Errc::stream_broken);
}

}  // namespace
}  // namespace dspy::models
