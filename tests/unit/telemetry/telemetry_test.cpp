#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/telemetry/metrics_server.hpp"
#include "dspy/telemetry/otlp_http.hpp"
#include "mock_provider/server.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <format>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

http::Response get(const MetricsServer& server, std::string method = "GET", std::string_view path = "/metrics") {
  return wait(
      http::send(http::default_transport(),
                 {.method = std::move(method), .url = std::format("http://127.0.0.1:{}{}", server.port(), path)}));
}

std::shared_ptr<Metrics> some_metrics() {
  const auto metrics = std::make_shared<Metrics>();
  MetricsTrace trace(metrics);
  const Error error(Errc::timeout, "late");
  for (const auto* const model : {"openai/gpt-5.4-mini", "a \"quoted\\name\nof two lines"}) {
    const Span span{.kind = Span::Kind::attempt, .lm = model, .time = 30ms, .error = &error};
    trace.begin(span);
    trace.end(span);
  }
  return metrics;
}

/// Sets a variable of the environment for a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

/// A collector that answers with these statuses in turn, and the last one from then on.
class Collector {
 public:
  explicit Collector(std::vector<int> statuses) : statuses_(std::move(statuses)) {}

  std::string url() const { return std::format("http://127.0.0.1:{}/v1/traces", server_.port()); }
  std::vector<mock::Request> taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  mock::Reply serve(const mock::Request& request) {
    const std::lock_guard lock(mutex_);
    taken_.push_back(request);
    const auto status = statuses_[std::min(taken_.size(), statuses_.size()) - 1];
    return {.status = status, .headers = {{"Content-Type", "application/json"}}, .parts = {"{}"}};
  }

  mutable std::mutex mutex_;
  std::vector<int> statuses_;
  std::vector<mock::Request> taken_;
  mock::Server server_{0, [this](const mock::Request& request) { return serve(request); }};
};

}  // namespace

TEST_CASE("Metrics are offered on this machine, under one path and by one method") {
  const MetricsServer server(some_metrics(), 0);
  const auto whole = get(server);
  CHECK(whole.status == 200);
  CHECK(whole.headers.find("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(whole.body.contains("dspy_lm_requests_total{model=\"openai/gpt-5.4-mini\",outcome=\"timeout\"} 1\n"));
  CHECK(get(server, "GET", "/metrics?name=x").status == 200);
  CHECK(get(server, "GET", "/").status == 404);
  CHECK(get(server, "POST").status == 405);
  CHECK(get(server, "HEAD").body.empty());
  CHECK_THROWS_WITH_AS(MetricsServer(some_metrics(), server.port()), doctest::Contains("choose another port"), Error);
  const MetricsServer broken([]() -> std::string { throw Error(Errc::io_error, "no"); }, 0);
  CHECK(get(broken).status == 500);
}

TEST_CASE("What is offered is what promtool takes") {
  if (std::system("command -v promtool > /dev/null 2>&1") != 0) {
    MESSAGE("not run: promtool is not installed");
    return;
  }
  const test::Folder folder;
  const auto file = folder.write("metrics.txt", some_metrics()->text());
  CHECK(std::system(
            std::format("promtool check metrics < {} > {} 2>&1", file.string(), (folder.path / "told.txt").string())
                .c_str()) == 0);
  CHECK(folder.read("told.txt").empty());
}

TEST_CASE("Spans reach a collector over HTTP, with the fields of the environment and after it was busy") {
  Collector collector({503, 429, 200});
  const auto endpoint = "http://127.0.0.1" + collector.url().substr(16, collector.url().find("/v1") - 16);
  const Variable where("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.c_str());
  const Variable who("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20c2s%3D, x-scope=a");
  const Variable time("OTEL_EXPORTER_OTLP_TIMEOUT", "3000");
  const Variable name("OTEL_SERVICE_NAME", "triage");
  const auto from_environment = otlp_endpoint_from_environment();
  REQUIRE(from_environment.has_value());
  CHECK(from_environment->url == collector.url());
  CHECK(from_environment->timeout == 3s);

  const auto trace = otlp_trace(*from_environment);
  trace->end({.kind = Span::Kind::call, .id = 1, .path = "answer", .time = 5ms});
  CHECK(trace->flush(20s));
  CHECK(trace->dropped() == 0);
  const auto taken = collector.taken();
  REQUIRE(taken.size() == 3);
  CHECK(taken[2].path == "/v1/traces");
  CHECK(taken[2].headers.at("content-type") == "application/json");
  CHECK(taken[2].headers.at("authorization") == "Basic c2s=");
  CHECK(taken[2].headers.at("x-scope") == "a");
  const auto body = parse_json(taken[2].body);
  REQUIRE(body.has_value());
  const auto& resource = body->at("resourceSpans").at(0);
  CHECK(resource.at("resource").at("attributes").at(0).at("value").at("stringValue") == "triage");
  const auto& span = resource.at("scopeSpans").at(0).at("spans").at(0).as_object();
  CHECK(span.at("traceId").get_string().size() == 32);
  CHECK(span.at("spanId").get_string().size() == 16);
  CHECK(span.at("startTimeUnixNano").is_string());
}

TEST_CASE("What a collector refuses, and one that is not there, cost spans and nothing else") {
  Collector collector({400});
  const auto refused = otlp_sender({.url = collector.url()});
  CHECK(refused("{}") == OtlpSent::refused);
  const auto nobody = otlp_sender({.url = "http://127.0.0.1:9/v1/traces", .timeout = 500ms});
  CHECK(nobody("{}") == OtlpSent::again);
  CHECK_THROWS_AS(otlp_sender({.url = "ftp://x"}), Error);
}

TEST_CASE("What the environment says of a collector is read strictly") {
  CHECK_FALSE(otlp_endpoint_from_environment().has_value());
  const Variable where("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/custom");
  CHECK(otlp_endpoint_from_environment()->url == "http://127.0.0.1:1/custom");
  {
    const Variable protocol("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    CHECK_THROWS_WITH_AS(otlp_endpoint_from_environment(), doctest::Contains("4318"), Error);
  }
  {
    const Variable headers("OTEL_EXPORTER_OTLP_HEADERS", "canary");
    CHECK_THROWS_AS(otlp_endpoint_from_environment(), Error);
  }
  const Variable time("OTEL_EXPORTER_OTLP_TIMEOUT", "soon");
  CHECK_THROWS_AS(otlp_endpoint_from_environment(), Error);
}
