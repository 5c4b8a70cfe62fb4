#include "dspy/agents/agent_machine.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

/// A call that one need not be asked about, and that will not be made.
bool is_answered(const AgentStep& step) {
  using Kind = Verdict::Kind;
  return step.decision && (step.decision->kind == Kind::deny || step.decision->kind == Kind::answer);
}

bool is_own_tool(std::string_view name) {
  return name == AgentMachine::finish_tool || name == AgentMachine::submit_tool;
}

}  // namespace

AgentMachine::AgentMachine(AgentLimits limits, Tools tools, std::vector<std::string> approved_patterns)
    : limits_(limits), tools_(std::move(tools)), patterns_(std::move(approved_patterns)) {
  if (limits_.max_iters < 1)
    throw Error(Errc::invalid_parameter, std::format("an agent has at least 1 turn, not {}", limits_.max_iters));
  if (limits_.max_repeats < 0) throw Error(Errc::invalid_parameter, "`max_repeats` must be 0 or more");
}

bool AgentMachine::needs_approval(const AgentCall& call) const {
  if (is_own_tool(call.tool)) return false;
  const auto* const tool = tools_.find(call.tool);
  if (tool == nullptr) return false;  // it will not be called
  return tool->options().needs_approval ||
         std::ranges::any_of(patterns_, [&](const auto& each) { return matches_wildcard(each, call.tool); });
}

AgentMachine::Todo AgentMachine::next() const {
  if (outputs_) return Todo::nothing;
  if (!doubtful_.empty()) return Todo::doubt;
  if (!turns_.empty() && std::ranges::any_of(turns_.back().steps, [](const auto& each) { return !each.outcome; })) {
    if (std::ranges::any_of(turns_.back().steps, [&](const auto& each) { return is_runnable(each); })) return Todo::run;
    if (!undecided().empty()) return Todo::decide;
  }
  if (handed_over() != nullptr) return Todo::nothing;
  return end_ ? Todo::extract : Todo::ask;
}

bool AgentMachine::is_runnable(const AgentStep& step) const {
  return !step.outcome && (step.decision || !needs_approval(step.call));
}

std::vector<const AgentStep*> AgentMachine::runnable() const {
  std::vector<const AgentStep*> out;
  if (turns_.empty()) return out;
  for (const auto& each : turns_.back().steps) {
    if (is_runnable(each)) out.push_back(&each);
  }
  return out;
}

std::vector<const AgentStep*> AgentMachine::undecided() const {
  std::vector<const AgentStep*> out;
  if (turns_.empty()) return out;
  for (const auto& each : turns_.back().steps) {
    if (!each.outcome && !each.decision && needs_approval(each.call)) out.push_back(&each);
  }
  return out;
}

std::vector<const AgentStep*> AgentMachine::doubtful() const {
  std::vector<const AgentStep*> out;
  for (const auto& id : doubtful_) out.push_back(find(id));
  return out;
}

const AgentStep* AgentMachine::find(std::string_view call) const noexcept {
  if (turns_.empty()) return nullptr;
  for (const auto& each : turns_.back().steps) {
    if (each.call.id == call) return &each;
  }
  return nullptr;
}

const AgentStep* AgentMachine::handed_over() const noexcept {
  if (turns_.empty() || end_ || outputs_) return nullptr;
  for (const auto& each : turns_.back().steps) {
    if (each.outcome && !each.outcome->hands_to.empty()) return &each;
  }
  return nullptr;
}

AgentStep& AgentMachine::step(std::string_view call) {
  if (!turns_.empty()) {
    const auto found =
        std::ranges::find_if(turns_.back().steps, [&](const auto& each) { return each.call.id == call; });
    if (found != turns_.back().steps.end()) return *found;
  }
  throw Error(Errc::config_error, std::format("the last turn has no call `{}`", call));
}

void AgentMachine::resume() {
  doubtful_.clear();
  if (turns_.empty()) return;
  for (auto& each : turns_.back().steps) {
    if (!each.is_started || each.outcome || is_answered(each)) continue;
    const auto* const tool = tools_.find(each.call.tool);
    if (tool != nullptr && !tool->options().idempotent) doubtful_.push_back(each.call.id);
  }
}

void AgentMachine::apply_turn(AgentEvent&& event) {
  AgentTurn turn{
      .thought = std::move(event.text), .message = std::move(event.message), .usage = event.usage, .at = event.at};
  turn.steps.reserve(event.calls.size());
  for (auto& call : event.calls) {
    if (call.tool == finish_tool) {
      turn.steps.push_back({.call = std::move(call), .outcome = ToolOutcome{.value = "Completed."}});
      if (!end_) {
        end_ = AgentEnd::finish;
        turns_at_end_ = turns_.size() + 1;
      }
      continue;
    }
    const auto* last = turns_.empty() || turns_.back().steps.empty() ? nullptr : &turns_.back().steps.back();
    if (!turn.steps.empty()) last = &turn.steps.back();
    const bool is_same = last != nullptr && last->call.tool == call.tool && last->call.arguments == call.arguments;
    repeats_ = is_same ? repeats_ + 1 : 1;
    turn.steps.push_back({.call = std::move(call)});
  }
  usage_ += event.usage;
  turns_.push_back(std::move(turn));
}

void AgentMachine::apply(AgentEvent&& event) {
  using Kind = AgentEvent::Kind;
  if ((event.kind == Kind::begun) == is_begun_)
    throw Error(Errc::config_error, is_begun_ ? "a run begins once" : "a run begins with its inputs");
  if (outputs_)
    throw Error(Errc::config_error, std::format("the run is done; `{}` cannot follow", to_string(event.kind)));
  switch (event.kind) {
    case Kind::begun:
      is_begun_ = true;
      run_ = std::move(event.text);
      agent_ = std::move(event.agent);
      inputs_ = std::move(event.inputs);
      break;
    case Kind::turn: apply_turn(std::move(event)); break;
    case Kind::forgotten: ++first_shown_; break;
    case Kind::decided: {
      auto& at = step(event.call);
      if (event.decision.kind == Verdict::Kind::wait) break;
      at.decision = std::move(event.decision);
      std::erase(doubtful_, event.call);
      break;
    }
    case Kind::started: step(event.call).is_started = true; break;
    case Kind::finished: step(event.call).outcome = std::move(event.outcome); break;
    case Kind::ended:
      end_ = event.end;
      why_ = std::move(event.text);
      turns_at_end_ = turns_.size();
      usage_ += event.usage;
      break;
    case Kind::done:
      outputs_ = std::move(event.outputs);
      usage_ += event.usage;
      break;
  }
}

std::optional<AgentEnd> AgentMachine::reached(std::chrono::nanoseconds elapsed) const {
  if (std::ssize(turns_) >= limits_.max_iters) return AgentEnd::max_iters;
  if (limits_.max_repeats > 0 && repeats_ >= limits_.max_repeats) return AgentEnd::repeated_calls;
  if (limits_.max_time && elapsed >= *limits_.max_time) return AgentEnd::max_time;
  if (usage_.requests == 0) return std::nullopt;
  if (limits_.max_tokens) {
    const auto tokens = usage_.total_tokens();
    if (!tokens)
      throw Error(Errc::unsupported,
                  "`max_tokens` cannot be enforced, because the model does not report its token usage",
                  {.feature = "max_tokens"});
    if (*tokens >= *limits_.max_tokens) return AgentEnd::max_tokens;
  }
  if (limits_.max_nanodollars) {
    if (!usage_.cost_nanodollars)
      throw Error(Errc::unsupported,
                  "the cost limit cannot be enforced, because the model's price is unknown; put a budget with prices "
                  "around the model, or remove the limit",
                  {.feature = "max_nanodollars"});
    if (*usage_.cost_nanodollars >= *limits_.max_nanodollars) return AgentEnd::max_cost;
  }
  return std::nullopt;
}

}  // namespace dspy
