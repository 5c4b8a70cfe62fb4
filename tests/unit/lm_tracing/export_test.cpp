#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/lm/tracing/otlp.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

Predict<> asking(std::deque<std::string> replies) {
  return Predict<>("question -> answer", {.lm = std::make_shared<ScriptedLM>(std::move(replies))});
}

/// What an attribute of a span in a body says.
Json attribute(const JsonObject& span, std::string_view name) {
  for (const auto& each : span.at("attributes").as_array()) {
    if (view(each.at("key").get_string()) == name) return each.at("value");
  }
  return {};
}

}  // namespace

TEST_CASE("Metrics are written as Prometheus reads them") {
  Metrics metrics;
  metrics.describe_counter("b_total", "Counts b.");
  metrics.describe_gauge("a", "Back\\slash\nand line.");
  metrics.describe_histogram("c_seconds", "Times.", {0.5, 1});

  metrics.count("b_total", {{"name", "x\"y\\z\n"}});
  metrics.count("b_total", {{"name", "x\"y\\z\n"}}, 2.5);
  metrics.set("a", {}, -1);
  for (const double value : {0.25, 0.5, 0.75, 5.0}) metrics.observe("c_seconds", {{"m", "1"}}, value);

  CHECK(metrics.text() ==
        "# HELP a Back\\\\slash\\nand line.\n"
        "# TYPE a gauge\n"
        "a -1\n"
        "# HELP b_total Counts b.\n"
        "# TYPE b_total counter\n"
        "b_total{name=\"x\\\"y\\\\z\\n\"} 3.5\n"
        "# HELP c_seconds Times.\n"
        "# TYPE c_seconds histogram\n"
        "c_seconds_bucket{m=\"1\",le=\"0.5\"} 2\n"
        "c_seconds_bucket{m=\"1\",le=\"1\"} 3\n"
        "c_seconds_bucket{m=\"1\",le=\"+Inf\"} 4\n"
        "c_seconds_sum{m=\"1\"} 6.5\n"
        "c_seconds_count{m=\"1\"} 4\n");
}

TEST_CASE("Metrics refuse what Prometheus would not take") {
  Metrics metrics;
  metrics.describe_counter("good", "");

  CHECK_THROWS_AS(metrics.describe_counter("not good", ""), Error);
  CHECK_THROWS_AS(metrics.describe_gauge("good", ""), Error);
  CHECK_THROWS_AS(metrics.describe_histogram("h", "", {1, 1}), Error);
  CHECK_THROWS_AS(metrics.describe_histogram("h", "", {2, 1}), Error);
  CHECK_THROWS_AS(metrics.count("unknown", {}), Error);
  CHECK_THROWS_AS(metrics.count("good", {{"not-good", "1"}}), Error);
}

TEST_CASE("Label values from outside cannot fill the memory") {
  Metrics metrics(10);
  metrics.describe_counter("calls_total", "");

  for (int i = 0; i < 10'000; ++i) metrics.count("calls_total", {{"model", "model-" + std::to_string(i)}});

  const auto text = metrics.text();
  CHECK(std::ranges::count(text, '\n') == 13);
  CHECK(text.contains("calls_total{model=\"other\"} 9990\n"));
}

TEST_CASE("What programs ask is counted") {
  const auto metrics = std::make_shared<Metrics>();
  const auto program = with_context(asking({"Answer: Paris"}), {.trace = std::make_shared<MetricsTrace>(metrics)});

  program({{"question", "What is the capital of France?"}});
  CHECK_THROWS_AS(program({{"question", "And of Italy?"}}), Error);

  const auto text = metrics->text();
  CAPTURE(text);
  CHECK(text.contains("dspy_lm_requests_total{model=\"scripted\",outcome=\"ok\"} 1\n"));
  CHECK(text.contains("dspy_lm_requests_total{model=\"scripted\",outcome=\"inference_failed\"} 1\n"));
  CHECK(text.contains("dspy_lm_request_duration_seconds_count{model=\"scripted\"} 2\n"));
  CHECK(text.contains("dspy_lm_cost_unknown_total{model=\"scripted\"} 1\n"));
  CHECK(text.contains("dspy_lm_cache_requests_total{source=\"model\"} 1\n"));
  CHECK(text.contains("dspy_lm_inflight 0\n"));
  CHECK_FALSE(text.contains("dspy_lm_cost_usd_total{"));
}

TEST_CASE("Waits, retries, adaptations and what a cache saved are counted") {
  const auto metrics = std::make_shared<Metrics>();
  MetricsTrace trace(metrics);
  Reply reply(Completion{.text = "x"}, {.requests = 2});
  reply.handling = Handling{.source = ReplySource::disk,
                            .saved_usage = Usage{.requests = 1, .cost_nanodollars = 2'000'000'000},
                            .attempts = {{.lm = "a", .waited = 1s, .error = Errc::timeout},
                                         {.lm = "a", .waited = 2s, .error = Errc::stream_broken},
                                         {.lm = "b"}}};
  reply.adaptations.push_back({.field = "seed", .action = Adaptation::Action::dropped, .reason = "x"});
  const Span span{.kind = Span::Kind::attempt, .lm = "a", .reply = &reply};
  trace.begin(span);
  trace.end(span);
  const Error cut(Errc::stream_broken, "cut");
  const Span failed{.kind = Span::Kind::attempt, .lm = "a", .error = &cut};
  trace.begin(failed);
  trace.end(failed);

  const auto text = metrics->text();
  CAPTURE(text);
  CHECK(text.contains("dspy_lm_retries_total{model=\"a\",error=\"timeout\"} 1\n"));
  CHECK_FALSE(text.contains("dspy_lm_retries_total{model=\"b\""));
  CHECK(text.contains("dspy_lm_fallbacks_total{from=\"a\",to=\"b\"} 1\n"));
  CHECK(text.contains("dspy_lm_stream_truncated_total{model=\"a\"} 2\n"));
  CHECK(text.contains("dspy_lm_wait_seconds_sum{model=\"a\"} 3\n"));
  CHECK(text.contains("dspy_lm_wait_seconds_count{model=\"a\"} 2\n"));
  CHECK(text.contains("dspy_lm_finish_total{model=\"a\",reason=\"stop\"} 1\n"));
  CHECK(text.contains("dspy_lm_adaptations_total{field=\"seed\",action=\"dropped\"} 1\n"));
  CHECK(text.contains("dspy_lm_saved_usd_total{model=\"a\"} 2\n"));
  CHECK(text.contains("dspy_build_info{version=\""));
}

TEST_CASE("Spans are written by the rules of OTLP in JSON") {
  const OtlpSpan span{.trace_id = std::string(32, 'a'),
                      .span_id = std::string(16, 'b'),
                      .parent_id = {},
                      .name = "chat gpt-5.4",
                      .is_client = true,
                      .start_ns = 1'787'270'400'000'000'000,
                      .end_ns = 1'787'270'401'250'000'000,
                      .attributes = {{"gen_ai.usage.input_tokens", 812},
                                     {"gen_ai.response.finish_reasons", JsonArray{"stop"}},
                                     {"gen_ai.request.temperature", 0.5},
                                     {"flag", true}}};

  CHECK(to_text(otlp_body({span}, "my-app").at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0)) ==
        R"({"traceId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","spanId":"bbbbbbbbbbbbbbbb","name":"chat gpt-5.4","kind":3,)"
        R"("startTimeUnixNano":"1787270400000000000","endTimeUnixNano":"1787270401250000000","attributes":)"
        R"([{"key":"gen_ai.usage.input_tokens","value":{"intValue":"812"}},)"
        R"({"key":"gen_ai.response.finish_reasons","value":{"arrayValue":{"values":[{"stringValue":"stop"}]}}},)"
        R"({"key":"gen_ai.request.temperature","value":{"doubleValue":0.5}},)"
        R"({"key":"flag","value":{"boolValue":true}}],"status":{"code":0}})");
}

TEST_CASE("A call and its requests are spans of one trace, without content unless asked") {
  std::mutex mutex;
  std::vector<std::string> bodies;
  const auto otlp = std::make_shared<OtlpTrace>(OtlpOptions{.send = [&](std::string_view body) {
    const std::lock_guard lock(mutex);
    bodies.emplace_back(body);
    return OtlpSent::ok;
  }});
  const auto program = with_context(asking({"Answer: Paris", "Answer: Rome"}), {.trace = otlp});

  program({{"question", "What is the capital of France?"}});
  program({{"question", "And of Italy?"}});
  REQUIRE(otlp->flush(5s));

  std::vector<JsonObject> spans;
  for (const auto& body : bodies) {
    const auto json = parse_json(body)->get_object();
    for (const auto& span : json.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array())
      spans.push_back(span.get_object());
    CHECK_FALSE(body.contains("France"));
  }
  REQUIRE(spans.size() == 4);
  CHECK(spans[0].at("name") == "chat scripted");
  CHECK(spans[0].at("kind") == 3);
  CHECK(spans[0].at("traceId") == spans[1].at("traceId"));
  CHECK(spans[0].at("parentSpanId") == spans[1].at("spanId"));
  CHECK(spans[0].at("traceId") != spans[2].at("traceId"));
  CHECK_FALSE(spans[1].contains("parentSpanId"));
  CHECK(attribute(spans[0], "gen_ai.request.model").at("stringValue") == "scripted");
  CHECK(attribute(spans[0], "gen_ai.usage.output_tokens").at("intValue") == "2");
}

TEST_CASE("A collector that fails or hangs neither holds up a call nor the exit") {
  // Shared with the exporter's thread, which may outlast the test.
  const auto sent = std::make_shared<std::atomic<int>>(0);
  const auto lets_go = std::make_shared<std::atomic<bool>>(false);
  {
    OtlpOptions options{.max_queue = 10, .max_batch = 5, .exit_wait = 50ms};
    options.send = [sent, lets_go](std::string_view) {
      ++*sent;
      while (!*lets_go) std::this_thread::sleep_for(1ms);
      return OtlpSent::refused;
    };
    const auto otlp = std::make_shared<OtlpTrace>(options);
    const auto begun = std::chrono::steady_clock::now();
    for (std::uint64_t id = 1; id <= 100; ++id) otlp->end({.kind = Span::Kind::call, .id = id});
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    CHECK(otlp->dropped() >= 80);
  }
  *lets_go = true;
  CHECK_THROWS_AS(OtlpTrace({}), Error);
}
