#pragma once

#include "dspy/agents/tool_outcome.hpp"
#include "dspy/base/async.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

namespace dspy {

/// Runs `work` on a thread of its own, and leaves it there if it is not done by `until` or `stop` is asked.
Async<std::optional<ToolOutcome>> run_on_own_thread(std::function<Async<ToolOutcome>()> work,
                                                    std::optional<std::chrono::steady_clock::time_point> until,
                                                    std::stop_token stop);

/// Runs `work`, and cancels it at `until` or when `stop` is asked: nothing then.
Async<std::optional<ToolOutcome>> run_until_time(Async<ToolOutcome> work,
                                                 std::optional<std::chrono::steady_clock::time_point> until,
                                                 std::stop_token stop);

}  // namespace dspy
