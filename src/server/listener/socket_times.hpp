#pragma once

#include "dspy/server/listener.hpp"

#include <chrono>
#include <format>
#include <string>

namespace dspy::server {

/// How long a WebSocket may stay open.  Without I/O; for one strand.
class SocketTimes {
 public:
  using Time = std::chrono::steady_clock::time_point;

  SocketTimes(const ListenerLimits& limits, Time now)
      : idle_(limits.socket_idle_time), total_(limits.socket_time), opened_(now), last_(now) {}

  /// A message came or went.
  void note(Time now) { last_ = now; }
  /// While a message is being answered, the connection does not count as idle.
  void set_working(bool is_working, Time now) {
    is_working_ = is_working;
    last_ = now;
  }

  /// Why it is closed now; empty if it stays open.
  std::string over(Time now) const {
    if (total_.count() > 0 && now - opened_ >= total_)
      return std::format("a connection lasts {} s here; open another one", seconds(total_));
    if (idle_.count() > 0 && !is_working_ && now - last_ >= idle_)
      return std::format("nothing was said for {} s", seconds(idle_));
    return {};
  }

 private:
  static double seconds(std::chrono::milliseconds time) { return std::chrono::duration<double>(time).count(); }

  std::chrono::milliseconds idle_, total_;
  Time opened_, last_;
  bool is_working_ = false;
};

}  // namespace dspy::server
