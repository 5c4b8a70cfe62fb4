// Spans sent to an OpenTelemetry collector, over OTLP/HTTP. The collector here is a server in this
// process that prints what it receives; without `url`, spans go to port 4318 on this machine.

#include <boost/json/parse.hpp>
#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>
#include <dspy/lm/tracing/sinks.hpp>
#include <dspy/telemetry/otlp_http.hpp>
#include <mock_provider/server.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

namespace {

dspy::mock::Reply collect(const dspy::mock::Request& request) {
  const auto body = boost::json::parse(request.body);
  for (const auto& resource : body.at("resourceSpans").as_array())
    for (const auto& scope : resource.at("scopeSpans").as_array())
      for (const auto& span : scope.at("spans").as_array())
        std::cout << request.path << ": " << dspy::view(span.at("name").as_string()) << '\n';
  return {.headers = {{"Content-Type", "application/json"}}, .parts = {"{}"}};
}

}  // namespace

int main() {
  const dspy::mock::Server collector(0, collect);
  const auto trace = dspy::otlp_trace({.url = "http://127.0.0.1:" + std::to_string(collector.port()) + "/v1/traces"});
  dspy::set_process_trace(trace);

  const auto model =
      std::make_shared<dspy::ScriptedLM>([](const dspy::Request&) -> std::string { return "Answer: Paris"; });
  const dspy::Predict question("question -> answer", {.lm = model});
  question({{"question", "What is the capital of France?"}});

  dspy::set_process_trace(nullptr);
  std::cout << (trace->flush(std::chrono::seconds(2)) ? "all sent" : "not all sent") << '\n';
}
