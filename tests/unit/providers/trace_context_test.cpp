#include "dspy/lm/tracing/trace_context.hpp"

#include "dspy/base/wait.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/providers/remote_options.hpp"
#include "support.hpp"

using namespace dspy;
using namespace dspy::test;

namespace {

constexpr std::string_view header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

http::SimulatedReply reply_of_ollama() {
  return {.headers = type_of(Api::ollama, false),
          .body = R"({"model":"m","message":{"role":"assistant","content":"Paris"},"done":true,"done_reason":"stop"})"};
}

http::Request sent(bool allowed, std::string_view state) {
  const Remote remote("ollama", {.base_url = "https://example.org", .sends_trace_context = allowed});
  remote.transport->reply(reply_of_ollama());
  Request request{.messages = {{Role::user, "q"}}};
  request.trace_context = std::make_shared<const TraceContext>(read_trace_context(header, state).value());
  wait(remote.lm->complete(std::move(request)));
  return remote.transport->requests().at(0);
}

}  // namespace

TEST_CASE("A provider is told of the trace only where it is allowed") {
  const auto allowed = sent(true, "vendor=1");
  CHECK(allowed.headers.find("traceparent") == header);
  CHECK(allowed.headers.find("tracestate") == "vendor=1");

  const auto without_state = sent(true, "");
  CHECK(without_state.headers.find("traceparent") == header);
  CHECK_FALSE(without_state.headers.find("tracestate").has_value());

  const auto by_default = sent(false, "vendor=1");
  CHECK_FALSE(by_default.headers.find("traceparent").has_value());
  CHECK_FALSE(by_default.headers.find("tracestate").has_value());
}

TEST_CASE("A request without a trace sends no header of one") {
  const Remote remote("ollama", {.base_url = "https://example.org", .sends_trace_context = true});
  remote.transport->reply(reply_of_ollama());

  wait(remote.lm->complete({.messages = {{Role::user, "q"}}}));

  CHECK_FALSE(remote.transport->requests().at(0).headers.find("traceparent").has_value());
}

TEST_CASE("A model string can allow the trace's headers") {
  CHECK(remote_options({.scheme = "openai", .path = "m", .options = {{"trace_context", "true"}}}).sends_trace_context);
  CHECK_FALSE(remote_options({.scheme = "openai", .path = "m"}).sends_trace_context);
}
