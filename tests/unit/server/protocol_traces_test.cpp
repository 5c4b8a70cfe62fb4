#include "dspy/base/json.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "protocol_client.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;
using dspy::test::ProtocolClient;

namespace {

struct Traced {
  test::Folder folder;
  std::shared_ptr<TraceStore> store = std::make_shared<TraceStore>(folder.path / "traces.sqlite");
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
  std::shared_ptr<Trace> counting = std::make_shared<MetricsTrace>(metrics);
  std::shared_ptr<Catalog> catalog;
  ProtocolClient client;

  explicit Traced(std::deque<std::string> replies)
      : catalog(test::catalog_of(std::make_shared<ScriptedLM>(std::move(replies)))), client(catalog, options()) {
    catalog->put(test::program_of("qa", "question -> answer", catalog->model("model")->lm));
  }

  ProtocolOptions options() {
    return {.trace = [this](const CallOrigin& origin) {
      return both(counting, store->sink({.id = origin.id,
                                         .tenant = origin.tenant,
                                         .program = origin.program,
                                         .version = origin.version,
                                         .key = origin.key}));
    }};
  }

  /// The trace that an answer names, which a judgement can be joined to.
  JsonObject judged(const ProtocolClient::Answer& answer) {
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    const auto id = answer.headers.find("dspy-trace-id");
    REQUIRE(id);
    REQUIRE(store->flush(5s));
    const std::string found(*id);
    store->add_feedback("", {.trace = found, .name = "helpful", .score = 1});
    auto out = store->get("", found);
    REQUIRE(out);
    CHECK(out->at("feedback").as_array().size() == 1);
    return *std::move(out);
  }
};

Json chat(const char* model, bool is_stream = false) {
  return {{"model", model},
          {"max_tokens", 16},
          {"stream", is_stream},
          {"messages", JsonArray{JsonObject{{"role", "user"}, {"content", "the question"}}}}};
}

}  // namespace

TEST_CASE("an answer in any API names its trace, in a header and where there is room in the body") {
  Traced traced({"Answer: 4", "Answer: 4", "Answer: 4", "four", "four", "four", "four"});
  for (const auto* const path : {"/v1/chat/completions", "/v1/messages", "/api/chat"}) {
    CAPTURE(path);
    const auto answer =
        traced.client.post(path, path == std::string("/api/chat")
                                     ? Json{{"model", "qa"}, {"stream", false}, {"messages", chat("qa").at("messages")}}
                                     : chat("qa"));
    const auto trace = traced.judged(answer);
    CHECK(trace.at("program") == "qa");
    CHECK(trace.at("inputs") == JsonObject{{"question", "the question"}});
    CHECK(answer.json().at("dspy").at("trace_id") == trace.at("id"));
  }
  const auto answer = traced.client.post("/v1/responses", {{"model", "model"}, {"input", "the question"}});
  CHECK(answer.json().at("dspy").at("trace_id") == traced.judged(answer).at("id"));
}

TEST_CASE("a bare model's calls are traced and counted as a program's are") {
  Traced traced({"four", "five"});
  const auto whole = traced.judged(traced.client.post("/v1/chat/completions", chat("model")));
  CHECK(whole.at("program") == "model");
  CHECK(whole.at("status") == "ok");
  CHECK(whole.at("outputs") == JsonObject{{"text", "four"}});
  CHECK(whole.at("inputs").at("messages").at(0).at("text") == "the question");
  CHECK(whole.at("spans").as_array().size() == 2);
  const auto streamed = traced.judged(traced.client.post("/v1/chat/completions", chat("model", true)));
  CHECK(streamed.at("outputs") == JsonObject{{"text", "five"}});
  CHECK(traced.metrics->text().contains("dspy_lm_requests_total{model=\"scripted\",outcome=\"ok\"} 2"));
  CHECK(traced.store->list({.text = "question"}).items.size() == 2);
}

TEST_CASE("a bare model's failure is a trace with its error") {
  Traced traced({});
  CHECK(traced.client.post("/v1/chat/completions", chat("model")).status >= 400);
  REQUIRE(traced.store->flush(5s));
  const auto failed = traced.store->list({.filters = {{"status", "error"}}}).items;
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().at("program") == "model");
}

TEST_CASE("an error names the trace of its call in every API, in a header and in the body") {
  Traced traced({});
  const auto check = [&](const std::string& path, const Json& body, auto place) {
    CAPTURE(path);
    const auto answer = traced.client.post(path, body);
    CHECK(answer.status >= 400);
    const auto id = answer.headers.find("dspy-trace-id");
    REQUIRE_MESSAGE(id, answer.body);
    CHECK_MESSAGE(place(answer.json()).at("trace_id") == Json(*id), answer.body);
    REQUIRE(traced.store->flush(5s));
    const auto trace = traced.store->get("", std::string(*id));
    REQUIRE(trace);
    CHECK(trace->at("status") == "error");
  };
  const auto error = [](const Json& body) { return body.at("error"); };
  for (const auto* const model : {"qa", "model"}) {
    check("/v1/chat/completions", chat(model), error);
    check("/v1/messages", chat(model), error);
    check("/v1/responses", {{"model", model}, {"input", "the question"}}, error);
    check("/api/chat", {{"model", model}, {"stream", false}, {"messages", chat(model).at("messages")}},
          [](const Json& body) { return body; });
  }
  // A stream has begun when it fails: its head names the trace, and so does the error at its end.
  const auto streamed = traced.client.post("/v1/chat/completions", chat("qa", true));
  CHECK(streamed.status == 200);
  const auto id = streamed.headers.find("dspy-trace-id");
  REQUIRE(id);
  CHECK(streamed.body.contains("\"trace_id\":\"" + std::string(*id)));
  // What is refused before anything is asked has no trace.
  CHECK(!traced.client.post("/v1/chat/completions", chat("nosuch")).headers.find("dspy-trace-id"));
}
