#pragma once

#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/json.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// An agent described by a file (docs/formats/agent.md): its signature, tools, limits, and which calls need consent.
/// The file is trusted: its tools are commands that run with this process's rights.
struct AgentFile {
  std::string name = {};
  Signature signature = {};
  Tools tools = {};
  ReActOptions options = {};          ///< Without a model.
  JsonObject source = {};             ///< The file as it was written.
  std::filesystem::path folder = {};  ///< The folder of its relative commands, absolute; empty if it has none.

  ReActAgent agent(PredictorOptions predictor = {}) const;
};

/// Throws `Error` (`config_error`) that names the member at fault.  `folder` is where its relative commands are.
AgentFile parse_agent(std::string_view text, const std::filesystem::path& folder = {});
/// The same from a file; throws `Error` (`io_error`) too.
AgentFile load_agent(const std::filesystem::path& path);

}  // namespace dspy
