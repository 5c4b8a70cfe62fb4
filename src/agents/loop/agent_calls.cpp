#include "agents/loop/agent_loop.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/signature/prediction.hpp"
#include "lm/told_span.hpp"

#include <format>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

// What an agent does about the calls of a turn: a person's consent, and the tools.

namespace dspy {

Async<bool> AgentLoop::decide(Self self) {
  bool has_decided = false;
  std::vector<AgentCall> waiting;
  for (const auto* const step : self->machine_.undecided()) waiting.push_back(step->call);
  for (auto& call : waiting) {
    Verdict decision;
    const auto given = self->options_.decisions.find(call.id);
    if (given != self->options_.decisions.end()) {
      decision = given->second;
    } else if (self->agent_.options_.approval.ask) {
      if (self->write()) co_await self->journal_->reach_disk();
      decision = co_await self->agent_.options_.approval.ask(call);
    }
    if (decision.kind == Verdict::Kind::wait) continue;
    has_decided = true;
    self->record({.kind = AgentEvent::Kind::decided, .call = call.id, .decision = std::move(decision)});
  }
  co_return has_decided;
}

void AgentLoop::settle_doubts() {
  std::vector<AgentCall> open;
  for (const auto* const step : machine_.doubtful()) open.push_back(step->call);
  std::string unknown;
  for (const auto& call : open) {
    const auto given = options_.decisions.find(call.id);
    if (given != options_.decisions.end() && given->second.kind != Verdict::Kind::wait) {
      record({.kind = AgentEvent::Kind::decided, .call = call.id, .decision = given->second});
    } else {
      unknown += std::format("{}`{}` of the tool `{}`", unknown.empty() ? "" : ", ", call.id, call.tool);
    }
  }
  if (!unknown.empty()) {
    throw Error(
        Errc::config_error,
        std::format(
            "the process ended while these calls ran, so it is unknown whether they took effect: {}. Check, and decide "
            "for each: approve repeats it, answer supplies its result, deny tells the model that it failed",
            unknown));
  }
}

Async<void> AgentLoop::run_calls(Self self) {
  std::vector<std::string> ids;
  // What is recorded changes these steps, and moves none of them.
  for (const auto* const step : self->machine_.runnable()) {
    using Kind = Verdict::Kind;
    const auto kind = step->decision ? step->decision->kind : Kind::approve;
    if (kind == Kind::deny || kind == Kind::answer) {
      auto result = kind == Kind::answer
                        ? ToolOutcome{.value = step->decision->value}
                        : ToolOutcome::error(std::format("This call was not allowed: {}", step->decision->words.empty()
                                                                                              ? "no reason was given"
                                                                                              : step->decision->words));
      self->record({.kind = AgentEvent::Kind::finished, .call = step->call.id, .outcome = std::move(result)});
      continue;
    }
    if (step->call.tool != AgentMachine::submit_tool)
      self->record({.kind = AgentEvent::Kind::started, .call = step->call.id});
    ids.push_back(step->call.id);
  }
  if (self->write()) co_await self->journal_->reach_disk();
  if (ids.size() > 1 && self->agent_.options_.parallel) {
    std::vector<Async<void>> calls;
    calls.reserve(ids.size());
    for (auto& id : ids) calls.push_back(run_call(self, std::move(id)));
    co_await when_all(std::move(calls));
  } else {
    for (auto& id : ids) co_await run_call(self, std::move(id));
  }
  self->take_submitted();
}

Async<void> AgentLoop::run_call(Self self, std::string id) {
  std::unique_lock lock(self->mutex_);
  const auto* const step = self->machine_.find(id);
  const auto tool = step->call.tool;
  auto arguments = step->arguments();
  ToolContext context{.call = self->context_, .call_id = id, .idempotency_key = self->machine_.run() + '/' + id};
  lock.unlock();
  ToolOutcome result;
  if (self->is_native() && tool == AgentMachine::submit_tool) {
    result = co_await self->agent_.submit_.call(std::move(arguments));
  } else if (!context.call.trace) {
    result = co_await self->agent_.tools_.call(tool, std::move(arguments), std::move(context));
  } else {
    const auto trace = context.call.trace;
    const auto path = std::format("{}tools.{}", context.call.path, tool);
    const JsonObject shown{{"arguments", arguments}};
    ToldSpan span(trace.get(),
                  {.kind = Span::Kind::tool, .parent = context.call.parent_span, .path = path, .inputs = &shown});
    context.call.parent_span = span.id();
    try {
      result = co_await self->agent_.tools_.call(tool, std::move(arguments), std::move(context));
      if (result.is_error) {
        const Error failed(Errc::inference_failed, observation(result));
        span.end(&Span::error, failed);
      } else {
        const Prediction came{.data = {{"result", result.value}}};
        span.end(&Span::prediction, came);
      }
    } catch (...) {
      span.end_failed();
      throw;
    }
  }
  self->record({.kind = AgentEvent::Kind::finished, .call = std::move(id), .outcome = std::move(result)});
  if (self->write()) co_await self->journal_->reach_disk();
}

bool AgentLoop::take_submitted() {
  if (!is_native() || machine_.turns().empty() || machine_.end()) return false;
  for (const auto& step : machine_.turns().back().steps) {
    if (step.call.tool != AgentMachine::submit_tool || !step.outcome || step.outcome->is_error) continue;
    end(AgentEnd::submit, {}, {});
    return true;
  }
  return false;
}

}  // namespace dspy
