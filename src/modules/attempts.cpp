#include "modules/attempts.hpp"

#include "dspy/lm/budget.hpp"
#include "dspy/lm/estimate.hpp"
#include "dspy/lm/middleware/guard.hpp"
#include "dspy/lm/prices.hpp"
#include "lm/told_span.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// What one request may take of a context's budget: set aside before it, and counted after it.  Where a request says
/// how long its reply may be, the budget cannot be passed; where it does not, by that reply only.
class Claimed {
 public:
  Claimed(std::shared_ptr<Budget> budget, const Request& request, std::string_view model) : budget_(std::move(budget)) {
    if (!budget_) return;
    if (budget_->counts_tokens() || budget_->counts_money()) {
      const bool is_bounded = request.sampling.max_tokens.has_value();
      const auto prompt = is_bounded ? most_prompt_tokens(request) : likely_prompt_tokens(request);
      const auto completion = is_bounded ? most_completion_tokens(request, 0) : 1;
      claim_.tokens = prompt + completion;
      if (budget_->counts_money())
        if (const auto price = builtin_prices()->find(model))
          claim_.nanodollars = highest_cost(*price, prompt, completion);
    }
    budget_->reserve(claim_);
    is_open_ = true;
  }
  Claimed(const Claimed&) = delete;
  Claimed& operator=(const Claimed&) = delete;
  /// A request that was given up may have used all of it.
  ~Claimed() {
    if (is_open_) budget_->settle(claim_, {.requests = 1});
  }

  void settle(const Usage& used) {
    if (std::exchange(is_open_, false)) budget_->settle(claim_, used);
  }
  void settle(const Error& error) {
    auto used = error.info().usage;
    used.requests = std::max<std::uint64_t>(used.requests, 1);
    if (!may_have_been_billed(error.code())) {
      used.prompt_tokens = used.prompt_tokens.value_or(0);
      used.completion_tokens = used.completion_tokens.value_or(0);
      used.cost_nanodollars = used.cost_nanodollars.value_or(0);
    }
    settle(used);
  }

 private:
  std::shared_ptr<Budget> budget_;
  Budget::Claim claim_ = {};
  bool is_open_ = false;
};

/// A request that comes too late takes nothing of a budget.
void require_time(const Request& request) {
  if (request.stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop");
  if (request.deadline && *request.deadline <= std::chrono::steady_clock::now())
    throw Error(Errc::deadline_exceeded, "the deadline passed before the request was sent; give the program more time");
}

/// Asks the machine's LM; what streams reads the reply while it comes.
Async<Reply> ask(const CallMachine& machine, Request&& request, AttemptSink* events) {
  if (events == nullptr || machine.exchange() == nullptr) return machine.lm().complete(std::move(request));
  return [](LM& lm, const Exchange& exchange, Request asked, AttemptSink& out) -> Async<Reply> {
    auto& fields = out.open(exchange);
    const FieldSink forward = [&](const FieldEvent& event) { out(event); };
    auto reply = co_await lm.stream(std::move(asked), [&](const StreamEvent& event) {
      if (event.kind == StreamEvent::Kind::text) fields.push(event.text, forward);
    });
    fields.finish(forward);
    co_return reply;
  }(machine.lm(), *machine.exchange(), std::move(request), *events);
}

/// One request and its reply, traced and counted.
Async<Reply> attempt(const CallMachine& machine, Request request, AttemptSink* events, const CallContext& context,
                     std::uint64_t call, int number) {
  require_time(request);
  Claimed claimed(context.budget, request, machine.lm().model());
  ToldSpan span(context.trace.get(), {.kind = Span::Kind::attempt,
                                      .parent = call,
                                      .path = context.path,
                                      .lm = machine.lm().model(),
                                      .attempt = number,
                                      .request = &request});
  request.trace_context = outgoing_trace(context, span.id());
  try {
    auto asked = context.trace ? request : std::move(request);
    auto reply = co_await ask(machine, std::move(asked), events);
    claimed.settle(reply.usage);
    span.end(&Span::reply, reply);
    co_return reply;
  } catch (const Error& error) {
    claimed.settle(error);
    span.end(&Span::error, error);
    throw;
  } catch (...) {
    span.end_failed();
    throw;
  }
}

}  // namespace

Async<Reply> Attempts::send(const CallMachine& machine, Request&& request, AttemptSink* events) {
  ++number_;
  if (context_ == nullptr) return dspy::ask(machine, std::move(request), events);
  return attempt(machine, std::move(request), events, *context_, span_, number_);
}

}  // namespace dspy
