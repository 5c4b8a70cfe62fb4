#include "modules/call.hpp"

#include "dspy/base/tasks.hpp"
#include "modules/decision_machine.hpp"

#include <algorithm>
#include <chrono>
#include <string>
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

  bool has_handed_out() const noexcept { return !handed_out_.empty(); }

  void begin_anew() {
    for (const auto& field : handed_out_) (*sink_)({.field = field, .restart = true});
    handed_out_.clear();
  }

 private:
  const FieldSink* sink_;
  std::vector<std::string> handed_out_;
};

/// A span that is told to the trace of a context when it begins and when it ends; nothing without a trace.
class Told {
 public:
  Told(Trace* trace, Span span) : trace_(trace), span_(span) {
    if (trace_ == nullptr) return;
    span_.id = Trace::next_id();
    span_.started_at = std::chrono::system_clock::now();
    begun_ = std::chrono::steady_clock::now();
    trace_->begin(span_);
  }

  std::uint64_t id() const noexcept { return span_.id; }

  template <class T>
  void end(const T* Span::* member, const T& value) {
    if (trace_ == nullptr) return;
    span_.*member = &value;
    span_.time = std::chrono::steady_clock::now() - begun_;
    trace_->end(span_);
  }

 private:
  Trace* trace_;
  Span span_;
  std::chrono::steady_clock::time_point begun_ = {};
};

Async<Reply> ask(const CallMachine& machine, Request&& request, AttemptSink* events) {
  if (events == nullptr || machine.exchange() == nullptr) return machine.lm().complete(std::move(request));
  return [](LM& lm, const Exchange& exchange, Request asked, AttemptSink& out) -> Async<Reply> {
    const auto fields = exchange.open_stream();
    const FieldSink forward = [&](const FieldEvent& event) { out(event); };
    auto reply = co_await lm.stream(std::move(asked), [&](const StreamEvent& event) {
      if (event.kind == StreamEvent::Kind::text) fields->push(event.text, forward);
    });
    fields->finish(forward);
    co_return reply;
  }(machine.lm(), *machine.exchange(), std::move(request), *events);
}

/// One request and its reply, traced and counted.
Async<Reply> attempt(const CallMachine& machine, Request request, AttemptSink* events, const CallContext& context,
                     std::uint64_t call, int number) {
  if (context.budget) context.budget->require();
  Told span(context.trace.get(), {.kind = Span::Kind::attempt,
                                  .parent = call,
                                  .path = context.path,
                                  .lm = machine.lm().model(),
                                  .attempt = number,
                                  .request = &request});
  try {
    auto asked = context.trace ? request : std::move(request);
    auto reply = co_await ask(machine, std::move(asked), events);
    if (context.budget) context.budget->spend(reply.usage);
    span.end(&Span::reply, reply);
    co_return reply;
  } catch (const Error& error) {
    if (context.budget) context.budget->spend(error.info().usage);
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
      auto reply = context == nullptr ? co_await ask(machine, machine.next_request(), sink)
                                      : co_await attempt(machine, machine.next_request(), sink, *context, span, number);
      machine.accept(std::move(reply), events && events->has_handed_out());
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
  Told span(context.trace.get(),
            {.kind = Span::Kind::call, .parent = context.parent_span, .path = context.path, .inputs = &shown});
  try {
    co_await drive(std::move(call), std::move(inputs), prediction, std::move(prompt), span.id());
    span.end(&Span::prediction, std::as_const(prediction));
  } catch (const Error& error) {
    span.end(&Span::error, error);
    throw;
  }
}

}  // namespace

Async<void> run_call(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt) {
  const bool is_traced = call.context != nullptr && call.context->trace;
  return is_traced ? drive_traced(std::move(call), std::move(inputs), prediction, std::move(prompt))
                   : drive(std::move(call), std::move(inputs), prediction, std::move(prompt), 0);
}

}  // namespace dspy
