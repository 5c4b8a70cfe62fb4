#include "modules/call.hpp"

#include "dspy/base/tasks.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/estimate.hpp"
#include "dspy/lm/middleware/guard.hpp"
#include "dspy/lm/prices.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "lm/told_span.hpp"
#include "modules/decision_machine.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// One stream of events over all attempts: what an attempt handed out is taken back before the next.
class AttemptSink {
 public:
  explicit AttemptSink(const FieldSink* sink) : sink_(sink) {}

  void operator()(const FieldEvent& event) {
    if (std::ranges::find(handed_out_, event.field) == handed_out_.end()) handed_out_.emplace_back(event.field);
    (*sink_)(event);
  }

  /// What reads the reply of this attempt while it comes.
  FieldStream& open(const Exchange& exchange) {
    fields_ = exchange.open_stream();
    return *fields_;
  }
  FieldStream* fields() const noexcept { return fields_.get(); }

  bool has_handed_out() const noexcept { return !handed_out_.empty(); }

  void begin_anew() {
    for (const auto& field : handed_out_) (*sink_)({.field = field, .restart = true});
    handed_out_.clear();
    fields_.reset();
  }

 private:
  const FieldSink* sink_;
  std::unique_ptr<FieldStream> fields_;
  std::vector<std::string> handed_out_;
};

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
  /// Given up on the way, it may have taken all of it.
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
  }
}

/// Asks until the machine is done.  `span` is the call's, if it is traced.
Async<void> drive(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt,
                  std::uint64_t span) {
  const auto* const context = call.context;
  const auto* const decisions = call.decisions;
  const auto signature = call.signature;
  std::optional<AttemptSink> events;
  if (call.sink != nullptr) events.emplace(call.sink);
  auto* const sink = events ? &*events : nullptr;
  CallMachine machine(std::move(call), std::move(inputs), prediction, std::move(prompt));
  int number = 1;
  for (; machine.state() == CallMachine::State::ask; ++number) {
    try {
      // Not `? :`: g++ 14 may miscompile a conditional expression of two `co_await`.
      Reply reply;
      if (context == nullptr) {
        reply = co_await ask(machine, machine.next_request(), sink);
      } else {
        reply = co_await attempt(machine, machine.next_request(), sink, *context, span, number);
      }
      machine.accept(std::move(reply), events && events->has_handed_out(), events ? events->fields() : nullptr);
    } catch (const Error& error) {
      throw machine.with_usage(error);
    }
    if (events && machine.state() == CallMachine::State::ask) events->begin_anew();
  }
  if (machine.state() == CallMachine::State::failed) throw machine.error();
  if (decisions == nullptr || machine.accepted_reply() == nullptr) co_return;
  // The answers' probabilities, by as many short replies as it takes.
  DecisionMachine deciding(*signature, *decisions, *machine.accepted_reply(), prediction,
                           machine.lm().capabilities().prefill);
  for (auto branches = deciding.branches(); !branches.empty(); branches = deciding.branches()) {
    std::vector<Async<Reply>> asked;
    for (const auto& branch : branches) {
      auto request = *machine.accepted_request();
      request.prefill = branch;
      asked.push_back(context == nullptr ? ask(machine, std::move(request), nullptr)
                                         : attempt(machine, std::move(request), nullptr, *context, span, number++));
    }
    auto replies = co_await when_all(std::move(asked));
    for (std::size_t i = 0; i < replies.size(); ++i) {
      prediction.lm_usage += replies[i].usage;
      deciding.accept(branches[i], replies[i].completion(), *machine.exchange());
    }
  }
  deciding.finish();
}

Async<void> drive_traced(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt) {
  const auto& context = *call.context;
  const auto shown = inputs;
  ToldSpan span(context.trace.get(), {.kind = Span::Kind::call,
                                      .parent = context.parent_span,
                                      .remote_parent = context.parent_span == 0 ? context.remote_parent.get() : nullptr,
                                      .path = context.path,
                                      .inputs = &shown});
  try {
    co_await drive(std::move(call), std::move(inputs), prediction, std::move(prompt), span.id());
    span.end(&Span::prediction, std::as_const(prediction));
  } catch (const Error& error) {
    span.end(&Span::error, error);
    throw;
  }
}

/// For a call that the process's own trace is told of, too.
Async<void> drive_within(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt,
                         CallContext context) {
  call.context = &context;
  co_await drive_traced(std::move(call), std::move(inputs), prediction, std::move(prompt));
}

}  // namespace

Async<void> run_call(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt) {
  if (auto everywhere = process_trace()) {
    auto context = call.context != nullptr ? *call.context : CallContext();
    if (context.trace != everywhere) context.trace = both(std::move(everywhere), std::move(context.trace));
    return drive_within(std::move(call), std::move(inputs), prediction, std::move(prompt), std::move(context));
  }
  const bool is_traced = call.context != nullptr && call.context->trace;
  return is_traced ? drive_traced(std::move(call), std::move(inputs), prediction, std::move(prompt))
                   : drive(std::move(call), std::move(inputs), prediction, std::move(prompt), 0);
}

}  // namespace dspy
