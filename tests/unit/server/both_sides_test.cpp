// The library writes requests and reads replies as a client, and reads requests and writes replies as a server.  Both
// must describe the same formats: what one side writes, the other reads, with the golden cases of the providers.

#include "dspy/lm/exchange_json.hpp"
#include "protocol_client.hpp"
#include "server/anthropic/anthropic.hpp"
#include "server/ollama/ollama.hpp"
#include "server/openai/openai.hpp"
#include "unit/providers/support.hpp"

#include <map>

using namespace dspy;
using namespace dspy::server;

namespace {

struct Side {
  std::string cases;
  std::string dialect;
  std::string api = {};
  Asked (*read)(const JsonObject& body);
  JsonObject (*write)(const Reply& reply, const Asked& asked, const Stamp& stamp);
  std::unique_ptr<ReplyWriter> (*stream)(const Asked& asked, const Stamp& stamp);
};

const std::vector<Side> sides = {
    {"chat", "openai", "", openai::read_chat, openai::write_chat, openai::stream_chat},
    {"responses", "openai", "responses", openai::read_response, openai::write_response, openai::stream_response},
    {"anthropic", "anthropic", "", anthropic::read_messages, anthropic::write_message, anthropic::stream_messages},
    {"ollama", "ollama", "", ollama::read_chat, ollama::write_chat, ollama::stream_chat},
};

/// What this server refuses of requests that the library would send to a provider.
const std::map<std::string, std::string> refused = {};

bool is_in(const Side& side, const JsonObject& entry) {
  return test::text_of(entry, "dialect") == side.dialect && test::text_of(entry, "api") == side.api;
}

/// With what a wire may leave out or name otherwise taken away.
void check_same(const Completion& read, const Completion& said) {
  CHECK(read.text == said.text);
  CHECK(read.reasoning == said.reasoning);
  CHECK(read.refusal == said.refusal);
  CHECK(read.finish == said.finish);
  REQUIRE(read.tool_calls.size() == said.tool_calls.size());
  for (std::size_t i = 0; i < read.tool_calls.size(); ++i) {
    CHECK(read.tool_calls[i].name == said.tool_calls[i].name);
    CHECK(read.tool_calls[i].input == said.tool_calls[i].input);
  }
}

std::vector<Reply> replies() {
  std::vector<Reply> out;
  const auto add = [&](Completion completion) {
    out.emplace_back(std::move(completion), Usage{.requests = 1, .prompt_tokens = 12, .completion_tokens = 7});
  };
  add({.text = "blue \"sky\"\n€"});
  add({.text = "half", .reasoning = "let me see", .finish = FinishReason::length});
  Completion calls{.text = "I look.", .finish = FinishReason::tool_calls};
  calls.tool_calls.push_back({.id = "c1", .name = "find", .input = {{"q", "a"}, {"n", 2}}});
  calls.tool_calls.push_back({.id = "c2", .name = "find", .input = {}});
  add(calls);
  calls.text.clear();
  add(calls);
  return out;
}

}  // namespace

TEST_CASE("a request that the library writes for a provider is read whole: written again, it is the same") {
  for (const auto& side : sides) {
    std::size_t seen = 0;
    for (const auto& each : test::cases_of(side.cases + "_requests")) {
      const auto& entry = each.as_object();
      if (!is_in(side, entry)) continue;
      const auto name = side.cases + ": " + test::text_of(entry, "name");
      CAPTURE(name);
      const auto& body = entry.at("body").as_object();
      const auto asked = attempt([&] { return side.read(body); });
      if (!asked) {
        const auto expected = refused.find(name);
        CHECK_MESSAGE((expected != refused.end() && expected->second == asked.error().info().feature),
                      std::string(asked.error().what()));
        continue;
      }
      ++seen;
      const auto wire = providers::protocol_of(test::api_of(entry))
                            .write(asked->request, {.dialect = test::dialect_of(entry),
                                                    .model = asked->model,
                                                    .stream = test::flag_of(entry, "stream")});
      // Members that this server accepts without effect do not come again.
      auto left = body;
      for (const auto* const ignored : {"user", "metadata", "service_tier", "store", "prompt_cache_key",
                                        "prompt_cache_retention", "safety_identifier", "cache_control"}) {
        if (!wire.body.contains(ignored)) left.erase(ignored);
      }
      CHECK(Json(wire.body) == Json(left));
    }
    CHECK(seen > 0);
  }
}

TEST_CASE("a reply that the server writes is the one that the library reads, whole and as a stream") {
  const Stamp stamp{.id = "1", .time = 1};
  for (const auto& side : sides) {
    const auto& dialect = *find_dialect(side.dialect);
    const auto api = side.api == "responses" ? Api::responses : dialect.api;
    for (const auto& reply : replies()) {
      CAPTURE(side.cases);
      CAPTURE(to_text(to_json(reply)));
      const Asked asked{.model = "m"};
      const auto whole = providers::protocol_of(api).read(side.write(reply, asked, stamp), dialect);
      check_same(whole.completion(), reply.completion());
      CHECK(whole.usage.prompt_tokens == reply.usage.prompt_tokens);
      CHECK(whole.usage.completion_tokens == reply.usage.completion_tokens);

      const auto writer = side.stream(asked, stamp);
      auto wire = writer->begin(reply.usage);
      const auto& completion = reply.completion();
      if (!completion.reasoning.empty())
        wire += writer->event({.kind = StreamEvent::Kind::reasoning, .text = completion.reasoning});
      if (!completion.text.empty())
        wire += writer->event({.kind = StreamEvent::Kind::text, .text = completion.text.substr(0, 2)});
      wire += writer->finish(reply);
      RemoteOptions options;
      options.api = api;
      const test::Remote remote(side.dialect, std::move(options));
      remote.transport->reply({.headers = test::type_of(api, true), .body = wire});
      const auto streamed = attempt([&] { return wait(remote.lm->stream({.messages = {{Role::user, "q"}}}, {})); });
      REQUIRE_MESSAGE(streamed.has_value(), std::string(streamed.error().what()) + wire);
      check_same(streamed->completion(), reply.completion());
      CHECK(streamed->usage.completion_tokens == reply.usage.completion_tokens);
    }
  }
}
