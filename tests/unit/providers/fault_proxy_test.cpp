// Each protocol through a network that delays, slices, cuts, resets and swallows, between client and mock provider.

#include "support/fault_proxy.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/lm/middleware/resilient.hpp"
#include "mock_provider/mock_provider.hpp"
#include "support.hpp"

#include <chrono>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

struct Speaker {
  std::string_view provider;
  Api api;
  std::string_view path;  ///< Of the base URL.
};

const std::vector<Speaker> speakers = {{"openai", Api::chat, "/v1"},
                                       {"openai", Api::responses, "/v1"},
                                       {"anthropic", Api::anthropic, ""},
                                       {"gemini", Api::gemini, ""},
                                       {"ollama", Api::ollama, ""}};
const std::string answer = "Blue, and \"😀\" besides.";
const Request question{.messages = {{Role::user, "Which colour is the sky?"}}};

std::shared_ptr<LM> behind(const FaultProxy& proxy, const Speaker& speaker) {
  // A transport of its own: no connection of another test is used again.
  return remote(speaker.provider, {.model = "mock",
                                   .api = speaker.api,
                                   .base_url = proxy.url(speaker.path),
                                   .api_key = Secret("sk-canary-0123456789"),
                                   .transport = http::curl_transport()});
}

std::expected<Reply, Error> asked(LM& lm, bool streams, std::string& told) {
  return attempt([&] {
    if (!streams) return wait(lm.complete(question));
    return wait(lm.stream(question, [&](const StreamEvent& event) {
      if (event.kind == StreamEvent::Kind::text) told += event.text;
    }));
  });
}

}  // namespace

TEST_CASE("A network that is slow and cuts into pieces changes no reply") {
  const mock::MockProvider server({.wishes = {{"reply", answer}}});
  for (const auto& speaker : speakers) {
    for (const bool streams : {false, true}) {
      CAPTURE(to_string(speaker.api));
      CAPTURE(streams);
      const FaultProxy slicing(server.port(), {.slice = 3}), late(server.port(), {.latency = 30ms});
      for (const auto* const proxy : {&slicing, &late}) {
        std::string told;
        const auto reply = asked(*behind(*proxy, speaker), streams, told);
        REQUIRE_MESSAGE(reply.has_value(), reply.error().what());
        CHECK(reply->text() == answer);
        CHECK((!streams || told == answer));
        CHECK(proxy->connections() == 1);
      }
    }
  }
}

TEST_CASE(
    "A connection that ends after any number of bytes gives the whole reply or an error, never a part as the whole") {
  const mock::MockProvider server({.wishes = {{"reply", answer}}});
  int cut = 0, whole = 0;
  for (const auto& speaker : speakers) {
    for (const bool streams : {false, true}) {
      for (const bool resets : {false, true}) {
        for (std::size_t limit = 1; limit < 2'400; limit += 149) {
          CAPTURE(to_string(speaker.api));
          CAPTURE(streams);
          CAPTURE(resets);
          CAPTURE(limit);
          const FaultProxy proxy(server.port(), {.limit = limit, .resets = resets});
          std::string told;
          const auto reply = asked(*behind(proxy, speaker), streams, told);
          CHECK(answer.starts_with(told));
          if (reply) {
            ++whole;
            CHECK(reply->text() == answer);
            continue;
          }
          ++cut;
          const auto code = reply.error().code();
          const bool is_known = code == Errc::stream_broken || code == Errc::unavailable;
          CHECK_MESSAGE(is_known, reply.error().what());
          CHECK_FALSE(std::string_view(reply.error().what()).contains("canary"));
        }
      }
    }
  }
  MESSAGE(cut, " cut, ", whole, " whole");
  CHECK(cut > 100);
  CHECK(whole > 20);
}

TEST_CASE("A network that swallows everything is a timeout, at the time that was set") {
  const mock::MockProvider server({.wishes = {{"reply", answer}}});
  const FaultProxy proxy(server.port(), {.swallows = true});
  const auto lm = openai_compatible({.model = "m", .base_url = proxy.url("/v1"), .timeouts = {.first_byte = 300ms}});

  const auto begun = std::chrono::steady_clock::now();
  const auto reply = attempt([&] { return wait(lm->complete(question)); });

  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code() == Errc::timeout);
  CHECK(std::chrono::steady_clock::now() - begun > 250ms);
}

TEST_CASE("Where a network comes back, a retry gets the reply, and a stream that has begun is not begun anew") {
  const mock::MockProvider server({.wishes = {{"reply", answer}, {"delta-bytes", "4"}}});
  const FaultProxy proxy(server.port(), {.limit = 0, .resets = true, .faulty_connections = 2});
  const auto lm = resilient({.primary = behind(proxy, speakers[0]), .retry = {.initial_backoff_ms = 1}});
  std::string told;

  const auto reply = asked(*lm, true, told);

  REQUIRE_MESSAGE(reply.has_value(), reply.error().what());
  CHECK(told == answer);
  CHECK(reply->handling->attempts.size() == 3);

  const FaultProxy cutting(server.port(), {.limit = 1'000, .faulty_connections = 1});
  std::string begun;
  const auto broken = asked(*resilient({.primary = behind(cutting, speakers[0])}), true, begun);
  CAPTURE(begun);
  REQUIRE_FALSE(begun.empty());
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().code() == Errc::stream_broken);
  CHECK(cutting.connections() == 1);
}
