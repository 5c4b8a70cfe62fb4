#include "dspy/http/server_sent_events.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;
using http::ServerSentEvents;

namespace {

struct Kept {
  std::string event = {};
  std::string data = {};
  std::string id = {};

  bool operator==(const Kept&) const = default;
};

Kept keep(const http::ServerSentEvent& event) {
  return {.event = std::string(event.event), .data = std::string(event.data), .id = std::string(event.id)};
}

/// What is read from `text` in pieces that end where `cuts` says.
std::vector<Kept> read(std::string_view text, const std::vector<std::size_t>& cuts = {}) {
  ServerSentEvents events;
  std::vector<Kept> out;
  std::size_t begin = 0;
  const auto take = [&](std::size_t end) {
    events.feed(std::string(text.substr(begin, end - begin)));
    while (const auto event = events.next()) out.push_back(keep(*event));
    begin = end;
  };
  for (const auto cut : cuts) take(cut);
  take(text.size());
  if (const auto event = events.finish()) out.push_back(keep(*event));
  return out;
}

// Every rule of the standard in one stream.
constexpr std::string_view rich =
    "\xEF\xBB\xBF: a comment\r\n"
    "data: one\n"
    "\n"
    "event: named\rdata:two\rdata: three\r\r"
    "id: 7\r\ndata\r\n\r\n"
    "event: without data\n\n"
    "unknown: field\n"
    "retry: 250\nretry: 1x\n"
    "data:  two blanks\ndata:\n\n"
    "data: \xF0\x9F\x98\x80\r\n\r\n"
    "data: [DONE]";

}  // namespace

TEST_CASE("events are read as the standard says") {
  const auto events = read(rich);

  REQUIRE(events.size() == 6);
  CHECK(events[0] == Kept{.data = "one"});
  CHECK(events[1] == Kept{.event = "named", .data = "two\nthree"});
  CHECK(events[2] == Kept{.data = "", .id = "7"});
  CHECK(events[3] == Kept{.data = " two blanks\n", .id = "7"});
  CHECK(events[4] == Kept{.data = "\xF0\x9F\x98\x80", .id = "7"});
  CHECK(events[5] == Kept{.data = "[DONE]", .id = "7"});
}

TEST_CASE("any cut gives the same events") {
  const auto whole = read(rich);

  for (std::size_t first = 0; first <= rich.size(); ++first) {
    CAPTURE(first);
    CHECK(read(rich, {first}) == whole);
    for (std::size_t second = first; second <= rich.size(); second += 3) CHECK(read(rich, {first, second}) == whole);
  }
  std::vector<std::size_t> each_byte;
  for (std::size_t i = 1; i < rich.size(); ++i) each_byte.push_back(i);
  CHECK(read(rich, each_byte) == whole);
}

TEST_CASE("lines that are not a field are kept for whoever knows what they are") {
  ServerSentEvents events;

  events.feed("{\n  \"error\": {\"code\": 503}\n}\n");

  CHECK_FALSE(events.next());
  CHECK(events.stray() == "{\n  \"error\": {\"code\": 503}\n}\n");
  CHECK_FALSE(events.finish());
}

TEST_CASE("the time to wait before connecting again is told") {
  ServerSentEvents events;
  CHECK_FALSE(events.retry());

  events.feed("retry: 250\nretry: 1x\nretry:\nretry: -3\n");

  CHECK_FALSE(events.next());
  CHECK(events.retry() == 250);
}

TEST_CASE("an id with a zero byte does not count") {
  const auto events = read(std::string_view("id: a\ndata: 1\n\nid: b\0c\ndata: 2\n\n", 33));

  REQUIRE(events.size() == 2);
  CHECK(events[1].id == "a");
}

TEST_CASE("a line beyond the limit is an error before it is whole") {
  ServerSentEvents events({.line_bytes = 16});
  events.feed("data: 0123456789");
  CHECK_FALSE(events.next());
  events.feed("0");

  CHECK_THROWS_WITH_AS(events.next(), "the stream has a line of more than 16 bytes, which is as much as is read",
                       Error);
}

TEST_CASE("an event beyond the limit is an error") {
  ServerSentEvents events({.event_bytes = 8});
  events.feed("data: 0123\ndata: 012\n\n");
  REQUIRE(events.next());
  events.feed("data: 0123\ndata: 0123\n\n");

  CHECK_THROWS_WITH_AS(events.next(), "the stream has an event of more than 8 bytes, which is as much as is read",
                       Error);
}

TEST_CASE("a long line in one-byte pieces takes time that grows with its length only") {
  ServerSentEvents events;
  events.feed("data: ");
  constexpr std::size_t size = 2'000'000;
  for (std::size_t i = 0; i < size; ++i) {
    events.feed("x");
    CHECK_FALSE(events.next());
  }
  events.feed("\n\n");

  const auto event = events.next();

  REQUIRE(event);
  CHECK(event->data.size() == size);
}
