#include "dspy/lm/call_context.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace dspy {
namespace {

struct Joint {
  explicit Joint(const std::stop_token& a, const std::stop_token& b)
      : from_a(a, [this] { source.request_stop(); }), from_b(b, [this] { source.request_stop(); }) {}

  std::stop_source source;
  std::stop_callback<std::function<void()>> from_a, from_b;  // end before `source`
};

}  // namespace

std::shared_ptr<const TraceContext> outgoing_trace(const CallContext& context, std::uint64_t span) {
  if (context.trace) {
    if (auto own = context.trace->context_of(span)) return std::make_shared<const TraceContext>(*std::move(own));
  }
  return context.remote_parent;
}

JoinedStop join(const std::stop_token& a, const std::stop_token& b) {
  if (!b.stop_possible() || a == b) return {.token = a};
  if (!a.stop_possible()) return {.token = b};
  auto joint = std::make_shared<Joint>(a, b);
  auto token = joint->source.get_token();
  return {.token = std::move(token), .keeps = std::move(joint)};
}

CallContext merged(const CallContext& outer, const CallContext& inner) {
  auto out = inner;
  if (outer.deadline) out.deadline = std::min(*outer.deadline, inner.deadline.value_or(*outer.deadline));
  auto stop = join(outer.stop, inner.stop);
  if (stop.keeps) {
    // The sources of both tokens must stay alive too.
    stop.keeps = std::make_shared<std::array<std::shared_ptr<void>, 3>>(
        std::array<std::shared_ptr<void>, 3>{stop.keeps, outer.keeps, inner.keeps});
  } else {
    stop.keeps = stop.token == outer.stop && outer.stop.stop_possible() ? outer.keeps : inner.keeps;
  }
  out.stop = std::move(stop.token);
  out.keeps = std::move(stop.keeps);
  if (!out.budget) {
    out.budget = outer.budget;
  } else if (outer.budget && outer.budget != inner.budget) {
    out.budget = std::make_shared<Budget>(outer.budget, inner.budget);
  }
  if (outer.trace != inner.trace) out.trace = both(outer.trace, inner.trace);
  if (out.path.empty() || outer.path.empty()) {
    out.path += outer.path;
  } else {
    out.path = outer.path + "." + inner.path;
  }
  if (out.parent_span == 0) out.parent_span = outer.parent_span;
  if (!out.remote_parent) out.remote_parent = outer.remote_parent;
  return out;
}

}  // namespace dspy
