#pragma once

#include "dspy/lm/budget.hpp"
#include "dspy/lm/trace.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace dspy {

/// What holds for every call of a program, however deep: set once by `with_context(program, …)`, it reaches all of its
/// predictors, and no module has to hand it on.  A value.
struct CallContext {
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
  std::shared_ptr<Budget> budget = {};
  std::shared_ptr<Trace> trace = {};
  std::string path = {};          ///< Goes before the predictors' own paths in traces.
  std::uint64_t parent_span = 0;  ///< Of the calls' spans.
  /// The span of another process that the outermost spans are part of, such as `read_trace_context` reads it from a
  /// request's headers.
  std::shared_ptr<const TraceContext> remote_parent = {};
  std::shared_ptr<void> keeps = {};  ///< What `stop` needs, where it was made from two.
};

/// The trace context that a request made inside `span` may send to a server: the exported span, otherwise the incoming
/// context.  Null: nothing.
std::shared_ptr<const TraceContext> outgoing_trace(const CallContext& context, std::uint64_t span);

/// Both hold: the earlier deadline, a stop of either, both budgets and both traces; the path is `outer`'s and then
/// `inner`'s.
CallContext merged(const CallContext& outer, const CallContext& inner);

/// A token that is asked to stop as soon as one of both is, and what must live as long as it.
struct JoinedStop {
  std::stop_token token = {};
  std::shared_ptr<void> keeps = {};
};

JoinedStop join(const std::stop_token& a, const std::stop_token& b);

}  // namespace dspy
