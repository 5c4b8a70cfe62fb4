#include "agents/trajectory_text.hpp"

#include "base/json/json_text.hpp"

#include <algorithm>
#include <string_view>

namespace dspy {
namespace {

/// Lines after the first are indented, so that they cannot be mistaken for lines of the trajectory.
void append_indented(std::string& out, std::string_view text) {
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    out.append(text.substr(0, end + 1)).append("  ");
    text.remove_prefix(end + 1);
  }
  out.append(text);
}

/// `name_7: `
void append_label(std::string& out, std::string_view name, std::size_t number) {
  out.append(name);
  append_integer(out, number);
  out.append(": ");
}

void append_step(std::string& out, const AgentStep& step, std::size_t number) {
  append_label(out, "tool_name_", number);
  out.append(step.call.tool).append("\n");
  append_label(out, "tool_args_", number);
  append_text(out, step.arguments());
  if (!step.outcome) return;
  out.append("\n");
  append_label(out, "observation_", number);
  append_indented(out, observation(*step.outcome));
}

/// How many numbers a turn takes.
std::size_t steps_of(const AgentTurn& turn) noexcept {
  return std::max<std::size_t>(1, turn.steps.size());
}

void append_turn(std::string& out, const AgentTurn& turn, std::size_t number) {
  if (!out.empty()) out += '\n';
  if (turn.steps.empty() || !turn.thought.empty()) {
    append_label(out, "thought_", number);
    append_indented(out, turn.thought);
  }
  bool is_first = turn.thought.empty();
  for (const auto& step : turn.steps) {
    if (!is_first) out += '\n';
    is_first = false;
    append_step(out, step, number++);
  }
}

}  // namespace

std::string TrajectoryText::of(const AgentMachine& machine) {
  const auto& turns = machine.turns();
  if (from_ != machine.first_shown()) *this = {};
  from_ = machine.first_shown();
  for (; turns_ + 1 < turns.size(); ++turns_) {
    if (turns_ >= from_) append_turn(before_, turns[turns_], steps_);
    steps_ += steps_of(turns[turns_]);
  }
  auto out = before_;
  if (!turns.empty() && turns.size() > from_) append_turn(out, turns.back(), steps_);
  return out;
}

std::string trajectory_text(const AgentMachine& machine) {
  return TrajectoryText().of(machine);
}

JsonObject trajectory(const AgentMachine& machine) {
  JsonObject out;
  std::size_t most = 0;
  for (const auto& turn : machine.turns()) most += std::max<std::size_t>(1, 4 * turn.steps.size());
  out.reserve(most);
  std::string key, number;
  const auto add = [&](std::string_view name, const auto& value) {
    key.assign(name).append(number);
    out.emplace(key, value);
  };
  std::size_t i = 0;
  for (const auto& turn : machine.turns()) {
    bool is_first = true;
    for (const auto& step : turn.steps) {
      number = std::to_string(i++);
      add("thought_", is_first ? std::string_view(turn.thought) : std::string_view());
      add("tool_name_", step.call.tool);
      add("tool_args_", step.arguments());
      if (step.outcome) add("observation_", step.outcome->value);
      is_first = false;
    }
    if (turn.steps.empty()) {
      number = std::to_string(i++);
      add("thought_", turn.thought);
    }
  }
  return out;
}

}  // namespace dspy
