#pragma once

#include "dspy/agents/agent_machine.hpp"
#include "dspy/agents/approval.hpp"
#include "dspy/agents/journal.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/clock.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/modules/typed.hpp"
#include "dspy/signature/reflect.hpp"
#include "dspy/signature/type.hpp"

#include <concepts>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

struct ReActOptions {
  // Behaviour
  enum class Protocol {
    automatic,  ///< Native where the model takes tools, else text.
    text,       ///< The model writes a thought, a tool's name and its arguments as outputs of a signature.
    native,     ///< Tools go with the request, and calls come with the reply.
  };

  Protocol protocol = Protocol::automatic;
  AgentLimits limits = {};
  Approval approval = {};
  std::string name = "react";  ///< What the agent is called in journals and traces.
  PredictorOptions predictor = {};

  // Performance
  bool parallel = true;  ///< Several calls of one turn run at once.

  const Clock* clock = nullptr;  ///< Null: the process's own.  Else it outlives the agent.
};

/// How one run is kept.
struct AgentRunOptions {
  std::filesystem::path journal = {};  ///< Empty: none.
  JournalOptions journal_options = {};
  /// What a person has decided meanwhile, by the call's id.
  std::map<std::string, Verdict, std::less<>> decisions = {};
  CallOptions call = {};
};

/// An agent's end by handing over to another one.
struct HandOver {
  std::string to = {};
  std::string message = {};
  std::string notes = {};  ///< The trajectory as a prompt shows it.
  JsonObject trajectory = {};
  Usage usage = {};
};

/// The state of a run.
struct AgentOutcome {
  /// Calls that wait for a person; empty once the run is done.
  std::vector<AgentCall> waiting = {};
  /// Outputs, `trajectory` and `termination_reason`, if it is done.
  Prediction prediction = {};
  /// Set if another agent has to take over; a `Team` handles that.
  std::optional<HandOver> hand_over = {};

  bool is_done() const noexcept { return waiting.empty() && !hand_over; }
};

/// The run-time heart of `ReAct`, with values by name.  A value; calls may overlap from any thread.
class ReActAgent : public Module<ReActAgent, JsonObject, Prediction> {
 public:
  /// Throws `Error` (`invalid_parameter`) for tools that are called `finish` or `submit`, or limits out of range;
  /// (`signature_error`) if the signature has a field that the agent uses itself.
  ReActAgent(const Signature& signature, Tools tools, ReActOptions options = {});

  /// Runs until it is done.  Throws what the model throws, and `Error` (`config_error`) if a call needs a person's
  /// consent and there is no way to ask: then `start` it with a journal.
  Async<Prediction> run(JsonObject inputs, Run how) const;

  /// Begins a run, with a journal if one is named.  It returns when the run is done, or waits for a person.  `sink`
  /// receives `next_thought`, `next_tool_name` and `next_tool_args` as the model writes them, whatever the protocol.
  Async<AgentOutcome> astart(JsonObject inputs, AgentRunOptions options, FieldSink sink = {}) const;
  /// Resumes a run from wherever its process stopped.  No finished tool call is repeated; one that was started but not
  /// finished is repeated if the tool is idempotent, and otherwise needs a decision: `Error` (`config_error`) names
  /// it.  Throws `Error` (`config_error`) for a journal of another program.
  Async<AgentOutcome> aresume(AgentRunOptions options) const;

  AgentOutcome start(JsonObject inputs, AgentRunOptions options) const {
    return wait(astart(std::move(inputs), std::move(options)));
  }
  AgentOutcome resume(AgentRunOptions options) const { return wait(aresume(std::move(options))); }

  const Tools& tools() const noexcept { return tools_; }
  const Signature& signature() const noexcept { return *signature_; }
  const ReActOptions& options() const noexcept { return options_; }
  /// The same agent with other tools of the same names, such as `recorded_tools`.
  ReActAgent with_tools(Tools tools) const;

  template <class F>
  void for_each_predictor(F&& visit) {
    visit(std::string("react"), react_);
    visit(std::string("extract.predict"), extract_);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit(std::string("react"), react_);
    visit(std::string("extract.predict"), extract_);
  }

 private:
  friend class AgentLoop;

  std::shared_ptr<const Signature> signature_;
  Tools tools_;
  ReActOptions options_;
  Predictor react_;
  Predictor extract_;
  std::string program_;                    ///< Of a journal: equal for agents that can resume each other's runs.
  std::shared_ptr<const Type> arguments_;  ///< What any of the tools may be given.
  FunctionTool submit_;                    ///< Takes the outputs, where tools are called natively.
  ToolList native_tools_;                  ///< Those that a model is told of then.
};

/// An agent's result: the user's `Output`, and how it was reached.
template <class Output>
class Acted : public Typed<Output> {
 public:
  explicit Acted(const Prediction& prediction) : Typed<Output>(from_values<Output>(prediction.data), prediction) {}

  /// `thought_0`, `tool_name_0`, `tool_args_0`, `observation_0`, …
  const JsonObject& trajectory() const { return this->prediction().at("trajectory").as_object(); }
  AgentEnd end() const { return agent_end(view(this->prediction().at("termination_reason").as_string())); }
};

/// Thinks, calls a tool, reads the result, and repeats until it can give the outputs of a signature (S. Yao and others,
/// "ReAct", 2023).  As in DSPy: the predictors are `react` and `extract.predict`.
///
///     dspy::ReAct<Travel> agent({{"convert", "Converts money.", convert, dspy::args("amount", "from", "to")}});
///     auto out = agent({.request = "…"});                               // out.plan, out.trajectory()
///     auto run = agent.start({.request = "…"}, {.journal = "42.jsonl"});  // survives a kill: agent.resume(…)
template <class S = Dynamic>
class ReAct : public Module<ReAct<S>, typename S::Input, Acted<typename S::Output>> {
 public:
  using Input = typename S::Input;
  using Output = Acted<typename S::Output>;

  explicit ReAct(Tools tools, ReActOptions options = {})
      : agent_(signature_of<S>(), std::move(tools), std::move(options)) {}

  Async<Output> run(Input input, Run how) const {
    co_return Output(co_await agent_.run(to_values(input), std::move(how)));
  }

  AgentOutcome start(const Input& input, AgentRunOptions options) const {
    return agent_.start(to_values(input), std::move(options));
  }
  AgentOutcome resume(AgentRunOptions options) const { return agent_.resume(std::move(options)); }
  /// The outputs of a run that is done, typed.
  static Output output(AgentOutcome outcome) { return Output(std::move(outcome.prediction)); }

  const ReActAgent& agent() const noexcept { return agent_; }

  template <class F>
  void for_each_predictor(F&& visit) {
    agent_.for_each_predictor(visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    agent_.for_each_predictor(visit);
  }

 private:
  ReActAgent agent_;
};

template <>
class ReAct<Dynamic> : public ReActAgent {
 public:
  ReAct(std::string_view notation, Tools tools, ReActOptions options = {})
      : ReActAgent(Signature::parse(notation), std::move(tools), std::move(options)) {}
  ReAct(const Signature& signature, Tools tools, ReActOptions options = {})
      : ReActAgent(signature, std::move(tools), std::move(options)) {}
};

template <std::convertible_to<std::string_view> Text>
ReAct(const Text&, Tools, ReActOptions = {}) -> ReAct<Dynamic>;
ReAct(Signature, Tools, ReActOptions = {}) -> ReAct<Dynamic>;

/// An agent as a tool of another: its inputs are the arguments, its outputs the result.  `limits` are its own, whatever
/// the caller has left.
FunctionTool as_tool(std::string name, std::string description, const ReActAgent& agent, ToolOptions options = {});
/// The same with a budget of its own for each call, within what the caller may use.  A call that would go past it is
/// an error that the calling model reads.
FunctionTool as_tool(std::string name, std::string description, const ReActAgent& agent, Budget::Limits budget,
                     ToolOptions options = {});

/// Tools that give what a run recorded, call by call, instead of doing anything: for looking at a run again.  A call
/// that was not recorded is an error the model reads.
Tools recorded_tools(const Tools& tools, const std::vector<AgentEvent>& events);

}  // namespace dspy
