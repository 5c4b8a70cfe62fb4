#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/lm/request.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

namespace dspy {

/// What an LM that streams awaits between two pieces: returns at once unless the reader of the stream is behind.
class Pace {
 public:
  explicit Pace(const Request& request) : gate_(request.pace), stop_(request.stop), deadline_(request.deadline) {}

  bool is_held() const noexcept { return gate_ && !gate_->is_open(); }

  /// Returns when the reader has caught up.  Throws `Error`: `cancelled` when it asks to stop, `deadline_exceeded`.
  Async<void> keep() const;

 private:
  std::shared_ptr<Gate> gate_;
  std::stop_token stop_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

}  // namespace dspy
