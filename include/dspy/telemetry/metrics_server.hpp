#pragma once

#include "dspy/lm/tracing/metrics.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace dspy {

/// Answers `GET /metrics` on 127.0.0.1 for Prometheus, on a thread of its own, until it is destroyed; one connection at
/// a time, and nothing else.
class MetricsServer {
 public:
  /// Port 0 is any that is free.  Throws `Error` (`config_error`) without metrics, and `io_error` where the port is
  /// taken.
  explicit MetricsServer(std::shared_ptr<const Metrics> metrics, std::uint16_t port = 9464);
  /// The same for a text generated on request; an exception gives status 500.
  MetricsServer(std::function<std::string()> text, std::uint16_t port);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  std::uint16_t port() const noexcept;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy
