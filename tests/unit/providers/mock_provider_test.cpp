// Each protocol over a real connection, with the mock provider at its end.

#include "mock_provider/mock_provider.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/providers/remote_embedder.hpp"
#include "support.hpp"

#include <chrono>

using namespace dspy;
using namespace dspy::test;

namespace {

struct Speaker {
  std::string_view provider;
  Api api;
  std::string_view path;  ///< Of the base URL.
};

const std::vector<Speaker> speakers = {{"openai", Api::chat, "/v1"},     {"openai", Api::responses, "/v1"},
                                       {"compatible", Api::chat, "/v1"}, {"anthropic", Api::anthropic, ""},
                                       {"gemini", Api::gemini, ""},      {"ollama", Api::ollama, ""}};

std::shared_ptr<LM> speaker_at(const mock::MockProvider& server, const Speaker& speaker) {
  return remote(
      speaker.provider,
      {.model = "mock", .api = speaker.api, .base_url = server.url(speaker.path), .api_key = Secret("sk-canary")});
}

const Request question{.messages = {{Role::system, "Be brief."}, {Role::user, "Which colour is the sky?"}}};

}  // namespace

TEST_CASE("Every protocol says what the mock provider is told to say, streamed and not, in pieces of any size") {
  for (const auto& speaker : speakers) {
    for (const auto* const piece : {"0", "1", "7"}) {
      CAPTURE(speaker.provider);
      CAPTURE(to_string(speaker.api));
      CAPTURE(piece);
      mock::MockProvider server({.wishes = {{"reply", "Blau, und \"😀\" dazu."}, {"piece-bytes", piece}}});
      const auto lm = speaker_at(server, speaker);
      const auto plain = wait(lm->complete(question));
      CHECK(plain.text() == "Blau, und \"😀\" dazu.");
      CHECK(plain.completion().finish == FinishReason::stop);
      CHECK(plain.usage.prompt_tokens.has_value());
      CHECK(plain.usage.completion_tokens.has_value());
      Told told;
      const auto streamed = wait(lm->stream(question, [&](const StreamEvent& event) { told.take(event); }));
      CHECK(streamed.text() == plain.text());
      CHECK(told.text == plain.text());
      CHECK(streamed.usage == plain.usage);
      CHECK(streamed.completion() == plain.completion());
    }
  }
}

TEST_CASE("Tools are called in every protocol") {
  for (const auto& speaker : speakers) {
    CAPTURE(to_string(speaker.api));
    mock::MockProvider server({.wishes = {{"tool", "find"}, {"arguments", R"({"q": "sky", "n": 2})"}}});
    auto request = question;
    request.tools = {{.name = "find", .parameters = {{"type", "object"}}}};
    for (const bool stream : {false, true}) {
      CAPTURE(stream);
      const auto lm = speaker_at(server, speaker);
      Told told;
      const auto reply = stream ? wait(lm->stream(request, [&](const StreamEvent& event) { told.take(event); }))
                                : wait(lm->complete(request));
      CHECK(reply.completion().finish == FinishReason::tool_calls);
      REQUIRE(reply.completion().tool_calls.size() == 1);
      const auto& call = reply.completion().tool_calls[0];
      CHECK(call.name == "find");
      CHECK(call.input == JsonObject{{"q", "sky"}, {"n", 2}});
      CHECK_FALSE(call.id.empty());
      if (stream) CHECK(told.calls.size() == 1);
    }
  }
}

TEST_CASE("A stream without its end, cut or reset, is broken in every protocol, with what came in it") {
  for (const auto& speaker : speakers) {
    for (const mock::WishList& fault :
         {mock::WishList{{"missing-end", "1"}}, {{"close-after", "150"}}, {{"reset-after", "150"}}}) {
      CAPTURE(to_string(speaker.api));
      CAPTURE(fault.begin()->first);
      mock::MockProvider server({.wishes = fault});
      server.next({{"reply", "one two three four five six seven eight nine ten"}});
      const auto lm = speaker_at(server, speaker);
      // What a compatible server need not send is no loss: its reply has a reason to finish.
      if (speaker.provider == "compatible" && fault.contains("missing-end")) continue;
      std::string seen;
      const auto result = attempt([&] {
        return wait(lm->stream(question, [&](const StreamEvent& event) {
          if (event.kind == StreamEvent::Kind::text) seen += event.text;
        }));
      });
      REQUIRE_FALSE(result.has_value());
      CHECK(to_string(result.error().code()) == "stream_broken");
      CHECK(result.error().info().raw == seen);
    }
  }
}

TEST_CASE("What a provider refuses is an error by its name in every protocol") {
  struct Case {
    mock::WishList wishes;
    Errc code;
  };
  const std::vector<Case> cases = {{{{"status", "401"}}, Errc::authentication_failed},
                                   {{{"status", "429"}, {"retry-after", "2"}}, Errc::rate_limit_exceeded},
                                   {{{"status", "500"}}, Errc::unavailable},
                                   {{{"status", "503"}}, Errc::unavailable},
                                   {{{"status", "400"}}, Errc::refused}};
  for (const auto& speaker : speakers) {
    for (const auto& [wishes, code] : cases) {
      for (const bool stream : {false, true}) {
        CAPTURE(to_string(speaker.api));
        CAPTURE(wishes.at("status"));
        CAPTURE(stream);
        mock::MockProvider server({.wishes = wishes});
        const auto lm = speaker_at(server, speaker);
        const auto result = attempt([&] { return wait(stream ? lm->stream(question, {}) : lm->complete(question)); });
        REQUIRE_FALSE(result.has_value());
        CHECK(to_string(result.error().code()) == to_string(code));
        CHECK(result.error().info().model == "mock");
        if (wishes.contains("retry-after")) CHECK(result.error().info().retry_after == std::chrono::seconds(2));
        CHECK_FALSE(to_text(to_json(result.error())).contains("canary"));
      }
    }
  }
}

TEST_CASE("A call ends at its deadline, and when it is told to stop") {
  mock::MockProvider server({.wishes = {{"hang", "1"}}});
  const auto lm = speaker_at(server, speakers[0]);
  auto late = question;
  late.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  CHECK(attempt([&] { return wait(lm->complete(late)); }).error().code() == Errc::deadline_exceeded);
  std::stop_source source;
  auto stopped = question;
  stopped.stop = source.get_token();
  source.request_stop();
  CHECK(attempt([&] { return wait(lm->stream(stopped, {})); }).error().code() == Errc::cancelled);
}

TEST_CASE("A server that is not there is unavailable") {
  const auto lm = remote("openai", {.model = "m", .base_url = "http://127.0.0.1:9/v1"});
  CHECK(attempt([&] { return wait(lm->complete(question)); }).error().code() == Errc::unavailable);
}

TEST_CASE("Embeddings come over the wire for each provider that the mock speaks as") {
  for (const auto& [provider, path] : {std::pair("openai", "/v1"), std::pair("gemini", ""), std::pair("ollama", "")}) {
    CAPTURE(provider);
    mock::MockProvider server;
    RemoteEmbedder embedder(provider, {.model = "mock", .base_url = server.url(path), .batch_texts = 2});
    const auto vectors = embedder({"a cat", "a dog", "a cat"});
    REQUIRE(vectors.size() == 3);
    CHECK(vectors[0] == vectors[2]);
    CHECK(vectors[0] != vectors[1]);
    CHECK(embedder.dimensions() == vectors[0].size());
  }
}
