#include "serving/server_metrics.hpp"

#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/server/admission.hpp"
#include "dspy/server/listener.hpp"

#include <memory>
#include <string>

namespace dspy::app {

void watch_queue(Metrics& metrics, const std::shared_ptr<server::Admission>& admission) {
  metrics.describe_gauge("dspy_queue_running", "Requests that work.");
  metrics.describe_gauge("dspy_queue_waiting", "Requests waiting in the queue.");
  metrics.watch("dspy_queue_running", {}, [admission] { return static_cast<double>(admission->state().running); });
  metrics.watch("dspy_queue_waiting", {}, [admission] { return static_cast<double>(admission->state().waiting); });
}

void watch_listener(Metrics& metrics, const server::Listener& listener) {
  const auto watch = [&](const std::string& name, const std::string& help,
                         double (*value)(const server::ListenerState&)) {
    metrics.describe_gauge(name, help);
    metrics.watch(name, {}, [&listener, value] { return value(listener.state()); });
  };
  watch("dspy_http_connections", "Connections that are open.",
        [](const server::ListenerState& state) { return static_cast<double>(state.connections); });
  watch("dspy_http_requests", "Requests so far.",
        [](const server::ListenerState& state) { return static_cast<double>(state.requests); });
  watch("dspy_http_refused", "Requests that were malformed, too large or too slow, so far.",
        [](const server::ListenerState& state) { return static_cast<double>(state.refused); });
}

}  // namespace dspy::app
