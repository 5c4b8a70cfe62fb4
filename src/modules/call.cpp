#include "modules/call.hpp"

#include "dspy/base/tasks.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "lm/told_span.hpp"
#include "modules/attempts.hpp"
#include "modules/decision_machine.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

// The coroutine around the call machine.  Each request goes through `Attempts`, and nowhere else.

namespace dspy {
namespace {

/// A reply, counted as soon as it is there: another one that was asked for with it may fail.
Async<Reply> counted(Async<Reply> asked, Usage& usage) {
  auto reply = co_await std::move(asked);
  usage += reply.usage;
  co_return reply;
}

/// Measures how likely the outputs' answers are, by as many short requests as it takes.
Async<void> decide(const CallMachine& machine, const Signature& signature, const DecisionsSettings& decisions,
                   Prediction& prediction, Attempts& attempts) {
  DecisionMachine deciding(signature, decisions, *machine.accepted_reply(), *machine.exchange(), prediction,
                           machine.lm().capabilities().prefill);
  for (auto branches = deciding.branches(); !branches.empty(); branches = deciding.branches()) {
    std::vector<Async<Reply>> asked;
    for (const auto& branch : branches) {
      auto request = *machine.accepted_request();
      request.prefill = branch;
      asked.push_back(counted(attempts.ask_aside(machine, std::move(request)), prediction.lm_usage));
    }
    auto replies = co_await when_all(std::move(asked));
    for (std::size_t i = 0; i < replies.size(); ++i)
      deciding.accept(branches[i], replies[i].completion(), *machine.exchange());
  }
  deciding.finish();
}

/// Sends requests until the machine is done.  `span` is the call's, if it is traced.
Async<void> drive(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt,
                  std::uint64_t span) {
  Attempts attempts(call.sink, call.context, span);
  const auto* const decisions = call.decisions;
  const auto signature = call.signature;
  CallMachine machine(std::move(call), std::move(inputs), prediction, std::move(prompt));
  while (machine.state() == CallMachine::State::ask) {
    attempts.begin_anew();
    try {
      auto reply = co_await attempts.ask(machine, machine.next_request());
      machine.accept(std::move(reply), attempts.has_handed_out(), attempts.fields());
    } catch (const Error& error) {
      throw machine.with_usage(error);
    }
  }
  if (machine.state() == CallMachine::State::failed) throw machine.error();
  if (decisions == nullptr || machine.accepted_reply() == nullptr) co_return;
  try {
    co_await decide(machine, *signature, *decisions, prediction, attempts);
  } catch (const Error& error) {
    throw machine.with_usage(error);
  }
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
  } catch (...) {
    span.end_failed();
    throw;
  }
}

/// For a call that the process's own trace follows too.
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
