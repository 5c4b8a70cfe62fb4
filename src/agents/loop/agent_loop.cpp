#include "agents/loop/agent_loop.hpp"

#include "agents/loop/held_arguments.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "dspy/modules/configure.hpp"
#include "lm/told_span.hpp"

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

}  // namespace

AgentLoop::AgentLoop(ReActAgent agent, AgentRunOptions options, FieldSink sink)
    : agent_(std::move(agent)),
      options_(std::move(options)),
      sink_(std::move(sink)),
      context_(context_of(agent_, options_.call)),
      lm_(agent_.react_.lm()),
      machine_(agent_.options_.limits, agent_.tools_, agent_.options_.approval.tools),
      clock_(agent_.options_.clock != nullptr ? agent_.options_.clock : &Clock::real()) {
  if (!lm_) lm_ = settings().lm;
  if (!lm_) {
    throw Error(Errc::config_error,
                "no language model to ask: give the agent one, or configure one for all, such as "
                "\"llama:MODEL.gguf\"");
  }
  if (!is_native() && lm_->capabilities().enforces_contract) agent_.react_.set_lm(held_to(lm_, agent_.arguments_));
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
                std::format("the journal belongs to another program (`{}`): its signature or its tools differ from "
                            "this agent's; resume with the program that started the run",
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

void AgentLoop::record(AgentEvent&& event) {
  const std::lock_guard lock(mutex_);
  event.at = std::chrono::duration_cast<std::chrono::milliseconds>(clock_->wall().time_since_epoch()).count();
  if (journal_) journal_->add(event);
  machine_.apply(std::move(event));
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
  ToldSpan span(trace, {.kind = Span::Kind::program,
                        .parent = self->context_.parent_span,
                        .remote_parent = self->context_.parent_span == 0 ? self->context_.remote_parent.get() : nullptr,
                        .path = path,
                        .inputs = &inputs});
  if (trace != nullptr) self->context_.parent_span = span.id();
  try {
    auto outcome = co_await drive_steps(self);
    span.end(&Span::prediction, std::as_const(outcome.prediction));
    co_return outcome;
  } catch (...) {
    span.end_failed();
    // What has happened stays in the journal; a journal that cannot be written is no reason to tell another error.
    if (self->journal_) static_cast<void>(attempt([&] { self->journal_->flush(); }));
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
          if (self->write()) co_await self->journal_->reach_disk();
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
  inputs["trajectory"] = self->trajectory_text_.of(self->machine_);
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

Async<void> AgentLoop::extract(Self self) {
  using Kind = AgentEvent::Kind;
  if (self->is_native()) {
    for (const auto& step :
         self->machine_.turns().empty() ? std::vector<AgentStep>() : self->machine_.turns().back().steps) {
      if (step.call.tool != AgentMachine::submit_tool || !step.outcome || step.outcome->is_error) continue;
      self->record({.kind = Kind::done, .outputs = step.outcome->value.as_object()});
      if (self->write()) co_await self->journal_->reach_disk();
      co_return;
    }
    if (self->machine_.was_forced()) {
      throw Error(Errc::parse_error,
                  std::format("the agent stopped ({}) without its outputs, and did not give them when nothing else was "
                              "allowed; its trajectory has {} turns{}{}",
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
      inputs["trajectory"] = self->trajectory_text_.of(self->machine_);
      auto prediction = co_await self->agent_.extract_.run(std::move(inputs), self->how());
      self->record({.kind = Kind::done, .outputs = std::move(prediction.data), .usage = prediction.lm_usage});
      if (self->write()) co_await self->journal_->reach_disk();
      co_return;
    } catch (const Error& error) {
      failure = error;
    }
    if (!self->recovers(*failure, attempt)) throw *failure;
  }
}

AgentOutcome AgentLoop::outcome() const {
  AgentOutcome out;
  if (const auto* const step = machine_.handed_over(); step != nullptr && machine_.undecided().empty()) {
    out.hand_over = HandOver{.to = step->outcome->hands_to,
                             .message = observation(*step->outcome),
                             .notes = trajectory_text(machine_),
                             .trajectory = trajectory(machine_),
                             .usage = machine_.usage()};
    return out;
  }
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
