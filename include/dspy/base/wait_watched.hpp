#pragma once

#include "dspy/base/async.hpp"

#include <chrono>
#include <functional>

namespace dspy {

/// Like `wait`, and calls `look_up` on the waiting thread, about every so often while there is nothing else to do: for
/// the bindings of languages that have signals of their own to see to.  `look_up` must not throw.
void wait_watched(Async<void> work, std::chrono::milliseconds every, const std::function<void()>& look_up);

}  // namespace dspy
