#pragma once

#include "dspy/agents/approval.hpp"
#include "dspy/agents/tool_outcome.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Why an agent stopped calling tools.
enum class AgentEnd {
  finish,                   ///< It had enough information.
  submit,                   ///< It gave its outputs.
  forced_submit,            ///< It gave its outputs when nothing else was allowed.
  max_iters,                ///< It has had all its turns.
  parse_error,              ///< Its reply could not be read.
  context_window_exceeded,  ///< The trajectory does not fit, however much of it is left out.
  empty_tool_calls,         ///< It called nothing.
  repeated_calls,           ///< It made one call over and over.
  max_tokens,
  max_cost,
  max_time,
};

std::string_view to_string(AgentEnd end) noexcept;
/// Throws `Error` (`config_error`) for an unknown name.
AgentEnd agent_end(std::string_view name);

/// One thing that happened in an agent's run.  The events of a run, in their order, are the run: its state is nothing
/// else, and a journal holds no more.
struct AgentEvent {
  enum class Kind {
    begun,      ///< `agent`, `program`, `inputs`; `text` is the run's own number
    turn,       ///< The model spoke: `text`, `calls`, `usage`, `message`
    forgotten,  ///< The oldest turn that prompts still showed is left out of them.
    decided,    ///< A person decided: `call`, `decision`
    started,    ///< A tool is about to be called: `call`
    finished,   ///< It came back: `call`, `outcome`
    ended,      ///< No more tools: `end`, `text`, `usage`
    done,       ///< `outputs`, `usage`
  };

  Kind kind = Kind::begun;
  std::int64_t at = 0;       ///< Milliseconds since 1970.
  std::string agent = {};    ///< What the agent is called.
  std::string program = {};  ///< Equal for agents that may resume each other's runs.
  JsonObject inputs = {};
  JsonObject outputs = {};
  std::string text = {};  ///< A turn's thought; why it ended.
  std::vector<AgentCall> calls = {};
  Json message = {};  ///< The model's message as a whole, where tools are called natively.
  Usage usage = {};
  std::string call = {};
  Verdict decision = {};
  ToolOutcome outcome = {};
  AgentEnd end = AgentEnd::finish;
};

std::string_view to_string(AgentEvent::Kind kind) noexcept;
JsonObject to_json(const AgentEvent& event);
/// Throws `Error` (`config_error`) that names what is missing or of the wrong kind.
AgentEvent agent_event_from_json(const JsonObject& written);

}  // namespace dspy
