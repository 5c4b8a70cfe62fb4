#include "dspy/lm/tracing/trace_context.hpp"

#include "dspy/base/json.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/tracing/otlp.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view trace_text = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view parent_text = "b7ad6b7169203331";

std::shared_ptr<const TraceContext> parent(std::string_view flags, std::string_view state = {}) {
  auto read = read_trace_context(std::format("00-{}-{}-{}", trace_text, parent_text, flags), state);
  REQUIRE(read.has_value());
  return std::make_shared<const TraceContext>(*std::move(read));
}

/// An exporter whose bodies are kept.
struct Collector {
  struct Kept {
    std::mutex mutex;
    std::vector<std::string> bodies;
  };
  std::shared_ptr<Kept> kept = std::make_shared<Kept>();
  std::shared_ptr<OtlpTrace> otlp =
      std::make_shared<OtlpTrace>(OtlpOptions{.send = [kept = kept](std::string_view body) {
        const std::lock_guard lock(kept->mutex);
        kept->bodies.emplace_back(body);
        return OtlpSent::ok;
      }});

  std::vector<JsonObject> spans() const {
    REQUIRE(otlp->flush(5s));
    const std::lock_guard lock(kept->mutex);
    std::vector<JsonObject> out;
    for (const auto& body : kept->bodies) {
      const auto json = parse_json(body).value();
      for (const auto& span : json.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array())
        out.push_back(span.as_object());
    }
    return out;
  }
};

std::string_view text_at(const JsonObject& span, std::string_view name) {
  return view(span.at(name).as_string());
}

struct Asked {
  std::shared_ptr<ScriptedLM> lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: Paris"});

  void operator()(const CallContext& context) const {
    with_context(Predict<>("question -> answer", {.lm = lm}), context)({{"question", "Which city?"}});
  }
  std::shared_ptr<const TraceContext> told() const { return lm->requests().back().trace_context; }
};

}  // namespace

TEST_CASE("A traceparent is read as W3C Trace Context has it, or not at all") {
  struct Case {
    std::string_view header;
    bool is_valid;
    bool is_sampled = false;
  };
  const auto cases = {
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true, true},
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02", true},        // a flag of later versions
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true, true},  // all flags
      Case{"00-00000000000000008448eb211c80319c-b7ad6b7169203331-01", true, true},  // ids of 64 bits
      Case{"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true, true},  // a later version
      Case{"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes", true, true},
      Case{"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what-comes", false},
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false},
      Case{"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      Case{"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
      Case{"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
      Case{"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
      Case{"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false},
      Case{"0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      Case{"00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", false},
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01", false},
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1", false},
      Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-", false},
      Case{"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false},
      Case{" 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      Case{"+0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      Case{"00", false},
      Case{"", false},
  };
  for (const auto& [header, is_valid, is_sampled] : cases) {
    CAPTURE(header);
    const auto read = read_trace_context(header);
    REQUIRE(read.has_value() == is_valid);
    if (read) CHECK(read->sampled == is_sampled);
  }
}

TEST_CASE("A trace context is written as it was read") {
  const auto read = *parent("01", "vendor=1,other=a b");

  CHECK(read.trace_id() == trace_text);
  CHECK(read.span_text() == parent_text);
  CHECK(read.state == "vendor=1,other=a b");
  CHECK(traceparent(read) == std::format("00-{}-{}-01", trace_text, parent_text));
  CHECK(read_trace_context(traceparent(read), read.state) == read);
  CHECK(traceparent({.trace_high = 0, .trace_low = 10, .span_id = 11}) ==
        "00-0000000000000000000000000000000a-000000000000000b-00");
}

TEST_CASE("A tracestate that cannot be passed on is dropped, and the trace is kept") {
  CHECK(parent("01", std::string(512, 'a'))->state.size() == 512);
  CHECK(parent("01", std::string(513, 'a'))->state.empty());
  CHECK(parent("01", "a=1\r\nAuthorization: x")->state.empty());
  CHECK(parent("01", "a=\xc3\xa9")->state.empty());
  CHECK(parent("01", "a=1,\tb=2")->state == "a=1,\tb=2");
}

TEST_CASE("What a program does for a remote caller is exported in the caller's trace") {
  const Collector collector;
  const Asked ask;

  ask({.trace = collector.otlp, .remote_parent = parent("01", "vendor=1")});

  const auto spans = collector.spans();
  REQUIRE(spans.size() == 2);  // the request, and the call that it is part of
  for (const auto& span : spans) {
    CHECK(text_at(span, "traceId") == trace_text);
    CHECK(text_at(span, "traceState") == "vendor=1");
  }
  CHECK(text_at(spans[1], "parentSpanId") == parent_text);
  CHECK(text_at(spans[0], "parentSpanId") == text_at(spans[1], "spanId"));
  // The provider is told of the request's own span.
  REQUIRE(ask.told() != nullptr);
  CHECK(ask.told()->trace_id() == trace_text);
  CHECK(ask.told()->span_text() == text_at(spans[0], "spanId"));
  CHECK(ask.told()->sampled);
  CHECK(ask.told()->state == "vendor=1");
}

TEST_CASE("Spans of a trace that its caller does not keep are left out, and the provider is told so") {
  const Collector collector;
  const Asked ask;

  ask({.trace = collector.otlp, .remote_parent = parent("00")});

  CHECK(collector.spans().empty());
  REQUIRE(ask.told() != nullptr);
  CHECK(ask.told()->trace_id() == trace_text);
  CHECK_FALSE(ask.told()->sampled);
}

TEST_CASE("Without an exporter a remote parent is passed on as it came") {
  const Asked ask;
  const auto given = parent("01", "vendor=1");

  ask({.remote_parent = given});

  REQUIRE(ask.told() != nullptr);
  CHECK(*ask.told() == *given);
}

TEST_CASE("Without a remote parent a request is told the exporter's own trace, and nothing where none exports") {
  const Collector collector;
  const Asked traced;
  traced({.trace = collector.otlp});

  const auto spans = collector.spans();
  REQUIRE(spans.size() == 2);
  REQUIRE(traced.told() != nullptr);
  CHECK(traced.told()->trace_id() == text_at(spans[0], "traceId"));
  CHECK(traced.told()->span_text() == text_at(spans[0], "spanId"));
  CHECK_FALSE(spans[1].contains("parentSpanId"));
  CHECK_FALSE(spans[1].contains("traceState"));

  const Asked untraced;
  untraced({.trace = std::make_shared<TraceLog>()});
  CHECK(untraced.told() == nullptr);
}

TEST_CASE("A span that has ended, or never began, has no context") {
  const Collector collector;
  const Span span{.kind = Span::Kind::call, .id = Trace::next_id()};

  CHECK_FALSE(collector.otlp->context_of(span.id).has_value());
  collector.otlp->begin(span);
  const auto begun = collector.otlp->context_of(span.id);
  REQUIRE(begun.has_value());
  CHECK(begun->span_id != 0);
  CHECK(both(std::make_shared<TraceLog>(), collector.otlp)->context_of(span.id) == begun);
  collector.otlp->end(span);
  CHECK_FALSE(collector.otlp->context_of(span.id).has_value());
}
