#include "agents/agent_loop.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "dspy/modules/configure.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <random>
#include <utility>

namespace dspy {
namespace {

constexpr int most_truncations = 3;

/// Unlike that of any other run, on this machine and others.
std::string new_run() {
  static const std::uint64_t process = [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32U) | device();
  }();
  return std::format("{:016x}-{:x}", process, Trace::next_id());
}

FunctionTool submit_tool(const Signature& signature) {
  return {std::string(AgentMachine::submit_tool), "Gives the final outputs; call it once everything is known.",
          Type::object("", signature.outputs),
          [](JsonObject outputs, ToolContext) -> Async<ToolOutcome> { co_return ToolOutcome{.value = outputs}; }};
}

CallContext context_of(const ReActAgent& agent, const CallOptions& options) {
  CallContext given{.deadline = options.deadline, .stop = options.stop};
  agent.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    if (path != "react" || predictor.context() == nullptr) return;
    given = merged(*predictor.context(), given);
  });
  // A predictor's path ends with its own name.
  constexpr std::string_view own = "react";
  if (given.path.ends_with(own)) given.path.resize(given.path.size() - own.size());
  if (auto everywhere = process_trace(); everywhere && everywhere != given.trace)
    given.trace = both(std::move(everywhere), std::move(given.trace));
  return given;
}

/// A span of a trace; nothing without one.
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

}  // namespace

AgentLoop::AgentLoop(ReActAgent agent, AgentRunOptions options, FieldSink sink)
    : agent_(std::move(agent)),
      options_(std::move(options)),
      sink_(std::move(sink)),
      context_(context_of(agent_, options_.call)),
      lm_(agent_.react_.lm()),
      submit_(submit_tool(*agent_.signature_)),
      machine_(agent_.options_.limits, agent_.tools_, agent_.options_.approval.tools),
      clock_(agent_.options_.clock != nullptr ? agent_.options_.clock : &Clock::real()) {
  if (!lm_) lm_ = settings().lm;
  if (!lm_) {
    throw Error(Errc::config_error,
                "no language model to ask: call dspy::configure({.lm = dspy::lm(\"llama:MODEL.gguf\")}) first, or give "
                "the agent one");
  }
  begun_ = clock_->now();
}

bool AgentLoop::is_native() const {
  using Protocol = ReActOptions::Protocol;
  const auto protocol = agent_.options_.protocol;
  return protocol == Protocol::native || (protocol == Protocol::automatic && lm_->capabilities().tools);
}

void AgentLoop::begin(JsonObject inputs) {
  record({.kind = AgentEvent::Kind::begun,
          .agent = agent_.options_.name,
          .program = agent_.program_,
          .inputs = checked_inputs(*agent_.signature_, std::move(inputs)),
          .text = new_run()});
}

void AgentLoop::take_up(const JournalContent& content) {
  if (content.events.empty()) throw Error(Errc::config_error, "the journal holds no run that has begun; start one");
  if (content.events.front().program != agent_.program_) {
    throw Error(Errc::config_error,
                std::format("the journal is of another program (`{}`): its signature or its tools differ from this "
                            "agent's; go on with the program that began the run",
                            content.events.front().agent));
  }
  for (const auto& event : content.events) machine_.apply(event);
  machine_.resume();
  for (const auto& [id, decision] : options_.decisions) {
    const auto* const step = machine_.find(id);
    if (step == nullptr || step->outcome) {
      throw Error(Errc::invalid_parameter,
                  std::format("there is a decision about the call `{}`, which does not wait for "
                              "one",
                              id));
    }
  }
}

void AgentLoop::record(AgentEvent event) {
  const std::lock_guard lock(mutex_);
  event.at = std::chrono::duration_cast<std::chrono::milliseconds>(clock_->wall().time_since_epoch()).count();
  if (journal_) journal_->add(event);
  machine_.apply(event);
}

void AgentLoop::flush() {
  if (journal_) journal_->flush();
}

void AgentLoop::end(AgentEnd end, std::string why, const Usage& usage) {
  record({.kind = AgentEvent::Kind::ended, .text = std::move(why), .usage = usage, .end = end});
}

Run AgentLoop::how() const {
  return {.options = options_.call, .sink = sink_};
}

Async<AgentOutcome> AgentLoop::drive(Self self) {
  auto* const trace = self->context_.trace.get();
  const auto path = self->context_.path + self->agent_.options_.name;
  const auto inputs = trace != nullptr ? self->machine_.inputs() : JsonObject();
  Told span(trace,
            {.kind = Span::Kind::program, .parent = self->context_.parent_span, .path = path, .inputs = &inputs});
  if (trace != nullptr) self->context_.parent_span = span.id();
  try {
    auto outcome = co_await drive_steps(self);
    span.end(&Span::prediction, std::as_const(outcome.prediction));
    co_return outcome;
  } catch (const Error& error) {
    span.end(&Span::error, error);
    throw;
  }
}

Async<AgentOutcome> AgentLoop::drive_steps(Self self) {
  using Todo = AgentMachine::Todo;
  for (;;) {
    if (self->context_.stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked the agent to stop");
    switch (self->machine_.next()) {
      case Todo::ask:
        if (const auto limit = self->machine_.reached(self->clock_->now() - self->begun_)) {
          self->end(*limit, {}, {});
        } else {
          co_await ask(self);
        }
        break;
      case Todo::run: co_await run_calls(self); break;
      case Todo::decide:
        if (!co_await decide(self)) {
          self->flush();
          co_return self->outcome();
        }
        break;
      case Todo::doubt: self->settle_doubts(); break;
      case Todo::extract: co_await extract(self); break;
      case Todo::nothing: co_return self->outcome();
    }
  }
}

bool AgentLoop::recovers(const Error& error, int attempt) {
  if (error.code() != Errc::context_too_long || attempt >= most_truncations ||
      machine_.first_shown() + 1 >= machine_.turns().size())
    return false;
  record({.kind = AgentEvent::Kind::forgotten});
  return true;
}

Async<void> AgentLoop::ask(Self self) {
  for (int attempt = 0;; ++attempt) {
    std::optional<Error> failure;
    try {
      co_await (self->is_native() ? ask_natively(self) : ask_in_text(self));
      co_return;
    } catch (const Error& error) {
      failure = error;
    }
    if (self->recovers(*failure, attempt)) continue;
    if (failure->code() == Errc::parse_error)
      co_return self->end(AgentEnd::parse_error, failure->what(), failure->info().usage);
    if (failure->code() == Errc::context_too_long && !self->machine_.turns().empty())
      co_return self->end(AgentEnd::context_window_exceeded, failure->what(), failure->info().usage);
    throw *failure;
  }
}

Async<void> AgentLoop::ask_in_text(Self self) {
  auto inputs = self->machine_.inputs();
  inputs["trajectory"] = trajectory_text(self->machine_);
  auto prediction = co_await self->agent_.react_.run(std::move(inputs), self->how());
  auto& data = prediction.data;
  AgentEvent turn{.kind = AgentEvent::Kind::turn,
                  .text = std::string(view(data.at("next_thought").as_string())),
                  .usage = prediction.lm_usage};
  turn.calls.push_back({.id = std::format("call_{}_0", self->machine_.turns().size()),
                        .tool = std::string(view(data.at("next_tool_name").as_string())),
                        .arguments = std::move(data.at("next_tool_args"))});
  self->record(std::move(turn));
}

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
      self->flush();
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
    throw Error(Errc::config_error,
                std::format("it is not known whether these calls took effect, as the process ended while they ran: {}. "
                            "Look, and decide for each: approve makes it again, answer gives its result, deny tells "
                            "the model that it failed",
                            unknown));
  }
}

Async<void> AgentLoop::run_calls(Self self) {
  std::vector<std::string> ids;
  std::vector<AgentStep> steps;
  for (const auto* const step : self->machine_.runnable()) steps.push_back(*step);
  for (const auto& step : steps) {
    using Kind = Verdict::Kind;
    const auto kind = step.decision ? step.decision->kind : Kind::approve;
    if (kind == Kind::deny || kind == Kind::answer) {
      auto result = kind == Kind::answer
                        ? ToolOutcome{.value = step.decision->value}
                        : ToolOutcome::error(std::format("This call was not allowed: {}", step.decision->words.empty()
                                                                                              ? "no reason was given"
                                                                                              : step.decision->words));
      self->record({.kind = AgentEvent::Kind::finished, .call = step.call.id, .outcome = std::move(result)});
      continue;
    }
    if (step.call.tool != AgentMachine::submit_tool)
      self->record({.kind = AgentEvent::Kind::started, .call = step.call.id});
    ids.push_back(step.call.id);
  }
  self->flush();
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
  ToolContext context{
      .call = self->context_, .call_id = id, .idempotency_key = std::format("{}/{}", self->machine_.run(), id)};
  lock.unlock();
  ToolOutcome result;
  if (self->is_native() && tool == AgentMachine::submit_tool) {
    result = co_await self->submit_.call(std::move(arguments));
  } else if (!context.call.trace) {
    result = co_await self->agent_.tools_.call(tool, std::move(arguments), std::move(context));
  } else {
    const auto trace = context.call.trace;
    const auto path = std::format("{}tools.{}", context.call.path, tool);
    const JsonObject shown{{"arguments", arguments}};
    Told span(trace.get(),
              {.kind = Span::Kind::call, .parent = context.call.parent_span, .path = path, .inputs = &shown});
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
    } catch (const Error& error) {
      span.end(&Span::error, error);
      throw;
    }
  }
  self->record({.kind = AgentEvent::Kind::finished, .call = std::move(id), .outcome = std::move(result)});
  self->flush();
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

Async<void> AgentLoop::extract(Self self) {
  using Kind = AgentEvent::Kind;
  if (self->is_native()) {
    for (const auto& step :
         self->machine_.turns().empty() ? std::vector<AgentStep>() : self->machine_.turns().back().steps) {
      if (step.call.tool != AgentMachine::submit_tool || !step.outcome || step.outcome->is_error) continue;
      self->record({.kind = Kind::done, .outputs = step.outcome->value.as_object()});
      co_return self->flush();
    }
    if (self->machine_.was_forced()) {
      throw Error(
          Errc::parse_error,
          std::format("the agent ended ({}) without its outputs, and did not give them when it could do nothing "
                      "else; its trajectory has {} turns{}{}",
                      to_string(*self->machine_.end()), self->machine_.turns().size(),
                      self->machine_.why().empty() ? "" : ": ", self->machine_.why()),
          {.usage = self->machine_.usage()});
    }
  }
  for (int attempt = 0;; ++attempt) {
    std::optional<Error> failure;
    try {
      if (self->is_native()) co_return co_await ask_natively(self);
      auto inputs = self->machine_.inputs();
      inputs["trajectory"] = trajectory_text(self->machine_);
      auto prediction = co_await self->agent_.extract_.run(std::move(inputs), self->how());
      self->record({.kind = Kind::done, .outputs = std::move(prediction.data), .usage = prediction.lm_usage});
      co_return self->flush();
    } catch (const Error& error) {
      failure = error;
    }
    if (!self->recovers(*failure, attempt)) throw *failure;
  }
}

AgentOutcome AgentLoop::outcome() const {
  AgentOutcome out;
  if (!machine_.outputs()) {
    for (const auto* const step : machine_.undecided()) out.waiting.push_back(step->call);
    return out;
  }
  out.prediction.data = *machine_.outputs();
  out.prediction.data["trajectory"] = trajectory(machine_);
  out.prediction.data["termination_reason"] =
      to_string(machine_.was_forced() ? AgentEnd::forced_submit : machine_.end().value_or(AgentEnd::finish));
  out.prediction.lm_usage = machine_.usage();
  return out;
}

}  // namespace dspy
