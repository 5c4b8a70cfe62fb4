#include "dspy/lm/pace.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/base/tasks.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace dspy {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

Async<void> wait_for(std::shared_ptr<Gate> gate, std::stop_token stop, std::optional<TimePoint> deadline) {
  const auto left = deadline ? *deadline - std::chrono::steady_clock::now() : std::chrono::nanoseconds::max();
  if (!co_await until(Gate::opened(std::move(gate), left), std::move(stop)))
    throw Error(Errc::deadline_exceeded,
                "the deadline passed while the reply waited for its reader; read the stream faster, or give it longer");
}

Async<void> nothing() {
  co_return;
}

}  // namespace

Async<void> Pace::keep() const {
  return is_held() ? wait_for(gate_, stop_, deadline_) : nothing();
}

}  // namespace dspy
