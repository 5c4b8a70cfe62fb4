// W3C Trace Context through the server: what a client sends with its request goes on to the provider.

#include "dspy/lm/tracing/trace_context.hpp"

#include "dspy/base/json.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/routes.hpp"
#include "protocol_client.hpp"
#include "support/folder.hpp"
#include "support/raw_client.hpp"
#include "unit/providers/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;
using dspy::test::RawClient;

namespace {

constexpr std::string_view trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr std::string_view parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr std::string_view state = "vendor=1";

constexpr std::string_view said =
    R"({"id":"r","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",)"
    R"("content":"Answer: 4"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}})";

/// A provider of a program `qa` and of a model `model`, and the server before it.
struct Served {
  explicit Served(std::shared_ptr<Trace> trace = {}, bool sends = true)
      : remote("openai", {.sends_trace_context = sends}) {
    remote.transport->serve([](const http::Request&) {
      return http::SimulatedReply{.headers = test::type_of(Api::chat, false), .body = std::string(said)};
    });
    auto catalog = test::catalog_of(remote.lm);
    catalog->put(test::program_of("qa", "question -> answer", remote.lm));
    ProgramsOptions around;
    ProtocolOptions protocols;
    if (trace) {
      around.trace = [trace](const CallOrigin&) { return trace; };
      protocols.trace = around.trace;
    }
    auto routes = std::make_shared<Routes>();
    routes->add(program_routes(catalog, around));
    routes->add(protocol_routes(catalog, protocols));
    jobs = std::make_shared<JobRunner>(catalog, std::make_shared<JobStore>(folder.path / "jobs.db"),
                                       JobOptions{.programs = around});
    routes->add(job_routes(jobs));
    listener = std::make_unique<Listener>(std::move(routes), ListenerOptions{});
  }

  std::string ask(std::string_view path, std::string_view body, std::string_view headers) const {
    RawClient client(listener->port());
    client.send(std::format("POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}", path,
                            headers, body.size(), body));
    return client.read();
  }

  /// The headers of the provider's request number `at`, once it was made.
  http::Headers sent(std::size_t at) const {
    for (int i = 0; i < 1000 && remote.transport->requests().size() <= at; ++i) std::this_thread::sleep_for(5ms);
    REQUIRE(remote.transport->requests().size() > at);
    return remote.transport->requests()[at].headers;
  }

  test::Folder folder;
  test::Remote remote;
  std::shared_ptr<JobRunner> jobs;
  std::unique_ptr<Listener> listener;
};

/// A trace whose spans have places in the client's trace, as an exporter's have.
class JoiningTrace final : public Trace {
 public:
  void begin(const Span& span) override {
    const std::lock_guard lock(mutex_);
    if (span.parent == 0) roots_.push_back(span.remote_parent == nullptr ? TraceContext() : *span.remote_parent);
    if (span.kind == Span::Kind::attempt) attempts_.push_back(span.id);
  }
  void end(const Span&) override {}
  std::optional<TraceContext> context_of(std::uint64_t span) const override {
    auto out = read_trace_context(parent);
    out->span_id = span;
    return out;
  }

  std::vector<TraceContext> roots() const {
    const std::lock_guard lock(mutex_);
    return roots_;
  }
  std::vector<std::uint64_t> attempts() const {
    const std::lock_guard lock(mutex_);
    return attempts_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<TraceContext> roots_;
  std::vector<std::uint64_t> attempts_;
};

constexpr std::string_view inputs = R"({"inputs":{"question":"2+2?"}})";
constexpr std::string_view chat = R"({"model":"MODEL","max_tokens":9,"messages":[{"role":"user","content":"2+2?"}]})";
constexpr std::string_view job = R"({"program":"qa","inputs":{"question":"2+2?"}})";

std::string chat_with(std::string_view model) {
  std::string out(chat);
  return out.replace(out.find("MODEL"), 5, model);
}

struct Way {
  std::string_view path;
  std::string body;
};

std::vector<Way> ways() {
  return {{"/v1/programs/qa", std::string(inputs)},
          {"/v1/chat/completions", chat_with("qa")},
          {"/v1/chat/completions", chat_with("model")},
          {"/v1/messages", chat_with("model")},
          {"/v1/jobs", std::string(job)}};
}

}  // namespace

TEST_CASE("a client's trace context goes on to the provider, whichever way a model is asked") {
  const Served served;
  const auto headers = std::format("traceparent: {}\r\ntracestate: {}\r\n", parent, state);
  std::size_t asked = 0;
  for (const auto& [path, body] : ways()) {
    CAPTURE(path);
    CAPTURE(body);
    CHECK(served.ask(path, body, headers).starts_with("HTTP/1.1 20"));
    const auto sent = served.sent(asked++);
    CHECK(sent.find("traceparent") == parent);
    CHECK(sent.find("tracestate") == state);
  }
}

TEST_CASE("no trace context is sent without one, for one that is not valid, or to a provider that is not to have it") {
  const Served served;
  served.ask("/v1/programs/qa", inputs, "");
  CHECK(!served.sent(0).find("traceparent"));
  served.ask("/v1/programs/qa", inputs, "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01\r\n");
  CHECK(!served.sent(1).find("traceparent"));
  const Served silent({}, false);
  silent.ask("/v1/programs/qa", inputs, std::format("traceparent: {}\r\n", parent));
  CHECK(!silent.sent(0).find("traceparent"));
}

TEST_CASE("with a trace that has places of its own, a provider is told the request's, and roots name the client's") {
  const auto trace = std::make_shared<JoiningTrace>();
  const Served served(trace);
  std::size_t asked = 0;
  for (const auto& [path, body] : ways()) {
    CAPTURE(path);
    served.ask(path, body, std::format("traceparent: {}\r\n", parent));
    const auto headers = served.sent(asked++);
    const auto sent = headers.find("traceparent");
    REQUIRE(sent);
    const auto context = read_trace_context(*sent);
    REQUIRE(context);
    CHECK(context->trace_id() == trace_id);
    REQUIRE(trace->attempts().size() == asked);
    CHECK(context->span_id == trace->attempts().back());
    REQUIRE(trace->roots().size() == asked);
    CHECK(trace->roots().back().span_text() == "00f067aa0ba902b7");
  }
}

TEST_CASE("a job that another process takes up is still part of the client's trace") {
  const test::Folder folder;
  Job added{.id = "j", .program = "qa", .inputs = {{"question", "2+2?"}}};
  added.remote_parent = std::make_shared<const TraceContext>(*read_trace_context(parent, state));
  JobStore(folder.path / "jobs.db").add(added);
  const JobStore store(folder.path / "jobs.db");
  const auto found = store.find("j");
  REQUIRE(found);
  REQUIRE(found->remote_parent);
  CHECK(*found->remote_parent == *added.remote_parent);
}
