#include "scripted_server.hpp"

#include <doctest/doctest.h>

#include <string>

// What the mock server does to a connection that is used again.

using namespace dspy;
using namespace dspy::test;

TEST_CASE("a connection closes after so many bytes of one reply, however many came before it") {
  for (const bool is_stream : {false, true}) {
    CAPTURE(is_stream);
    mock::Reply reply{.parts = {"0123", "4567"}, .is_stream = is_stream, .delivery = {.closes_after = 8}};
    Scripted server(reply);
    for (int round = 0; round < 3; ++round) {
      const auto response = ask({.url = server.url()});
      REQUIRE_MESSAGE(response.has_value(), response.error().what());
      CHECK(response->body == "01234567");
    }
    CHECK(server.server().connections() == 1);
    CHECK(server.server().bytes_sent() == 24);

    reply.delivery.closes_after = 7;
    Scripted cut(reply);
    auto streamed = wait(transport()->open({.url = cut.url()}));
    const auto read = read_all(*streamed.body);
    REQUIRE(read.error);
    CHECK(read.bytes == "0123456");
  }
}
