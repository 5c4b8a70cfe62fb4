#include "dspy/http/retry_after.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

using namespace dspy;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::system_clock;

namespace {

// 1994-11-06 08:49:37 UTC
const system_clock::time_point then{784'111'777s};

}  // namespace

TEST_CASE("durations as Go writes them") {
  struct Case {
    std::string_view text;
    std::optional<milliseconds> time;
  };
  const Case cases[] = {{"1s", 1s},          {"6m0s", 6min},    {"120ms", 120ms},  {"1m30.5s", 90'500ms},
                        {"2h", 2h},          {"0s", 0ms},       {"7.66s", 7660ms}, {"1.5ms", 2ms},
                        {"10us", 1ms},       {"5\u00b5s", 1ms}, {" 1s ", 1s},      {"", {}},
                        {"1", {}},           {"s", {}},         {"-1s", {}},       {"1x", {}},
                        {"1s2", {}},         {"1e3s", {}},      {"1..5s", {}},     {"nan", {}},
                        {"99999999999h", {}}};
  for (const auto& each : cases) {
    CAPTURE(each.text);
    CHECK(http::parse_duration(each.text) == each.time);
  }
}

TEST_CASE("HTTP dates in their three forms") {
  CHECK(http::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == then);
  CHECK(http::parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == then);
  CHECK(http::parse_http_date("Sun Nov  6 08:49:37 1994") == then);
  CHECK(http::parse_http_date("Thu, 29 Feb 2024 23:59:60 GMT") ==
        http::parse_http_date("Fri, 01 Mar 2024 00:00:00 GMT"));
  for (const auto* const text :
       {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 9999 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(http::parse_http_date(text));
  }
}

TEST_CASE("dates of RFC 3339") {
  CHECK(http::parse_rfc3339("1994-11-06T08:49:37Z") == then);
  CHECK(http::parse_rfc3339("1994-11-06t10:49:37.250+02:00") == then + 250ms);
  CHECK(http::parse_rfc3339("1994-11-06 03:19:37-05:30") == then);
  for (const auto* const text :
       {"1994-11-06", "1994-11-06T08:49:37", "1994-13-06T08:49:37Z", "1994-11-06T08:49:37.Z"}) {
    CAPTURE(text);
    CHECK_FALSE(http::parse_rfc3339(text));
  }
}

TEST_CASE("what a server asks to wait") {
  struct Case {
    http::Headers headers;
    std::optional<milliseconds> time;
  };
  const Case cases[] = {
      {{}, {}},
      {{{"Retry-After", "2"}}, 2s},
      {{{"RETRY-AFTER", " 1.5 "}}, 1500ms},
      {{{"retry-after", "0"}}, 0ms},
      {{{"retry-after-ms", "120"}, {"retry-after", "7"}}, 120ms},
      {{{"retry-after-ms", "soon"}, {"retry-after", "7"}}, 7s},
      {{{"retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"}}, 3s},
      {{{"retry-after", "Sun, 06 Nov 1994 08:49:30 GMT"}}, 0ms},
      {{{"retry-after", "-3"}}, {}},
      {{{"retry-after", "inf"}}, {}},
      {{{"retry-after", "99999999999999999999"}}, {}},
      {{{"retry-after", "tomorrow"}}, {}},
  };
  for (const auto& each : cases) {
    CAPTURE(std::string(each.headers.find("retry-after").value_or("none")));
    CHECK(http::retry_after(each.headers, then) == each.time);
  }
}

TEST_CASE("when a limit is full again") {
  struct Case {
    std::string_view text;
    std::optional<milliseconds> time;
  };
  const Case cases[] = {{"6m0s", 6min},
                        {"12ms", 12ms},
                        {"1994-11-06T08:49:38Z", 1s},
                        {"30", 30s},
                        {"1994-11-06T08:00:00Z", 0ms},
                        {"", {}},
                        {"later", {}},
                        {"-1", {}}};
  for (const auto& each : cases) {
    CAPTURE(each.text);
    CHECK(http::time_until_reset(each.text, then) == each.time);
  }
  const system_clock::time_point now{1'741'305'600s};
  CHECK(http::time_until_reset("1741305602", now) == 2s);
  CHECK(http::time_until_reset("1741305600500", now) == 500ms);
  CHECK(http::time_until_reset("1741305000", now) == 0ms);
}
