#pragma once

#include "dspy/agents/agent_event.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The limits of a run.  At a limit the agent still gives its outputs, from what it has found so far.
struct AgentLimits {
  int max_iters = 20;                                ///< Turns.  At least 1.
  std::optional<std::uint64_t> max_tokens = {};      ///< Of all prompts and replies.
  std::optional<std::int64_t> max_nanodollars = {};  ///< Needs a model whose price is known.
  std::optional<std::chrono::nanoseconds> max_time = {};
  int max_repeats = 0;  ///< Calls of one tool with the same arguments, one after the other.  0: any number.
};

/// A call of a turn, and what became of it.
struct AgentStep {
  AgentCall call = {};
  std::optional<Verdict> decision = {};
  bool is_started = false;
  std::optional<ToolOutcome> outcome = {};

  /// The arguments that count: the model's, or a person's.
  const Json& arguments() const noexcept {
    return decision && decision->kind == Verdict::Kind::edit ? decision->value : call.arguments;
  }
};

struct AgentTurn {
  std::string thought = {};
  std::vector<AgentStep> steps = {};
  Json message = {};
  Usage usage = {};
  std::int64_t at = 0;
};

/// Decides what an agent does next, from what has happened so far: a state machine without I/O. The driver carries out
/// what `next` says, and reports the result with `apply`.
class AgentMachine {
 public:
  enum class Todo {
    ask,      ///< The model.
    run,      ///< The calls in `runnable`.
    decide,   ///< A person, about the calls in `undecided`.
    doubt,    ///< A person, about the calls in `doubtful`: started, with unknown results.
    extract,  ///< The outputs.
    nothing,  ///< It is done.
  };

  static constexpr std::string_view finish_tool = "finish";
  static constexpr std::string_view submit_tool = "submit";

  AgentMachine(AgentLimits limits, Tools tools, std::vector<std::string> approved_patterns);

  Todo next() const;
  /// Throws `Error` (`config_error`) for an event that cannot happen now.
  void apply(const AgentEvent& event) { apply(AgentEvent(event)); }
  void apply(AgentEvent&& event);
  /// Allows calls that were started but not finished to be started again: called once, after the events of a journal
  /// have been applied.
  void resume();

  std::vector<const AgentStep*> runnable() const;
  std::vector<const AgentStep*> undecided() const;
  std::vector<const AgentStep*> doubtful() const;
  const AgentStep* find(std::string_view call) const noexcept;
  /// The call of the last turn that handed over to another agent, the first if there are several; null if none did, or
  /// the run has ended otherwise.
  const AgentStep* handed_over() const noexcept;

  /// The limit that is reached, if one is; `elapsed` is the time since the run began or was resumed.  Throws `Error`
  /// (`unsupported`) if a limit cannot be enforced because the model does not report its usage.
  std::optional<AgentEnd> reached(std::chrono::nanoseconds elapsed) const;

  const std::string& agent() const noexcept { return agent_; }
  /// Unlike that of any other run.
  const std::string& run() const noexcept { return run_; }
  const JsonObject& inputs() const noexcept { return inputs_; }
  const std::vector<AgentTurn>& turns() const noexcept { return turns_; }
  /// The turns before this one are not shown any more.
  std::size_t first_shown() const noexcept { return first_shown_; }
  std::optional<AgentEnd> end() const noexcept { return end_; }
  const std::string& why() const noexcept { return why_; }
  /// It was asked for its outputs once more, after it had ended.
  bool was_forced() const noexcept { return end_ && turns_.size() > turns_at_end_; }
  const std::optional<JsonObject>& outputs() const noexcept { return outputs_; }
  const Usage& usage() const noexcept { return usage_; }

 private:
  AgentStep& step(std::string_view call);
  bool needs_approval(const AgentCall& call) const;
  bool is_runnable(const AgentStep& step) const;
  void apply_turn(AgentEvent&& event);

  AgentLimits limits_;
  Tools tools_;
  std::vector<std::string> patterns_;
  bool is_begun_ = false;
  std::string run_;
  std::string agent_;
  JsonObject inputs_;
  std::vector<AgentTurn> turns_;
  std::size_t first_shown_ = 0;
  std::vector<std::string> doubtful_;
  std::optional<AgentEnd> end_;
  std::string why_;
  std::size_t turns_at_end_ = 0;
  std::optional<JsonObject> outputs_;
  Usage usage_;
  int repeats_ = 0;
};

/// DSPy's trajectory: `thought_0`, `tool_name_0`, `tool_args_0`, `observation_0`, `thought_1`, …
JsonObject trajectory(const AgentMachine& machine);
/// The same as text for a prompt, from the first turn that is shown.  It only grows at its end, and text inside a value
/// cannot be mistaken for a separate line.
std::string trajectory_text(const AgentMachine& machine);

}  // namespace dspy
