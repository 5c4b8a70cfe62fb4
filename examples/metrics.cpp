// Prometheus metrics of a program's requests. docs/dashboards/grafana.json is a dashboard for
// them.  The provider is the local mock provider.

#include <dspy/dspy.hpp>
#include <dspy/lm/tracing/metrics.hpp>
#include <dspy/lm/tracing/sinks.hpp>
#include <dspy/telemetry/metrics_server.hpp>
#include <mock_provider/mock_provider.hpp>

#include <iostream>
#include <memory>
#include <sstream>
#include <string>

int main() {
  const auto metrics = std::make_shared<dspy::Metrics>();
  metrics->describe_gauge("tickets_open", "Tickets that nobody has answered.");
  metrics->watch("tickets_open", {}, [] { return 7.0; });
  dspy::set_process_trace(std::make_shared<dspy::MetricsTrace>(metrics));
  const dspy::MetricsServer server(metrics, 0);  // GET /metrics; without the 0, on port 9464

  dspy::mock::MockProvider provider({.wishes = {{"reply", "Answer: Paris"}}});
  const dspy::Predict capital("country -> answer", {.lm = dspy::lm("compatible/any?base_url=" + provider.url("/v1"))});
  provider.next({});
  provider.next({{"status", "503"}});  // the second request is refused
  for (const char* country : {"France", "Atlantis", "France"})
    if (!dspy::attempt([&] { return capital({{"country", country}}); })) std::cout << country << " failed\n";

  std::istringstream lines(metrics->text());
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("dspy_lm_requests_total") || line.starts_with("dspy_calls_total") ||
        line.starts_with("tickets_open"))
      std::cout << line << '\n';
  dspy::set_process_trace(nullptr);
}
