#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/http/transport.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace dspy::http {

/// What a request waits with, by the simulated clock.
struct SimulatedWait {
  std::shared_ptr<FakeClock> clock;
  Timeouts timeouts;
  std::optional<Clock::Time> deadline;
  std::stop_token stop;
  Clock::Time begun = clock->now();

  /// Lets `time` pass, or as much of it as the request allows; throws what ends it.
  void pass(std::chrono::nanoseconds time, std::chrono::nanoseconds timeout, std::string_view phase) const {
    require_not_stopped();
    const auto now = clock->now();
    auto end = now + time;
    auto limit = now + timeout;
    auto problem = std::format("the simulated server sent no {} in time", phase);
    auto code = Errc::timeout;
    if (timeouts.total && begun + *timeouts.total < limit) {
      limit = begun + *timeouts.total;
      problem = "the simulated server did not end its reply in the total time";
    }
    if (deadline && *deadline < limit) {
      limit = *deadline;
      problem = "the deadline passed";
      code = Errc::deadline_exceeded;
    }
    const bool is_late = end > limit;
    if (is_late) end = std::max(limit, now);
    if (end > now) clock->advance(end - now);
    if (is_late) throw Error(code, problem);
    require_not_stopped();
  }

  void require_not_stopped() const {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop");
  }
};

/// A socket that a simulated server has opened; `keep` gets each message that it is sent.
std::unique_ptr<WebSocket> simulated_socket(std::shared_ptr<FakeClock> clock, SimulatedSocket socket,
                                            std::function<void(const std::string&)> keep);

}  // namespace dspy::http
