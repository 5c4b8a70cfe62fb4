#pragma once

#include "dspy/agents/agent_machine.hpp"

#include <cstddef>
#include <string>

namespace dspy {

/// `trajectory_text` of a run that goes on: writes each turn once, since only the last one changes.
class TrajectoryText {
 public:
  /// Always of the same machine.
  std::string of(const AgentMachine& machine);

 private:
  std::string before_;     ///< The turns from `from_` up to `turns_`.
  std::size_t from_ = 0;   ///< The first turn that is shown.
  std::size_t turns_ = 0;  ///< How many turns, and steps in them, come before the next one.
  std::size_t steps_ = 0;
};

}  // namespace dspy
