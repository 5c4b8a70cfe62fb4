#pragma once

#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/json.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// An MCP server whose tools an agent has, under names such as `files.read`.
struct AgentServer {
  std::string name = {};                      ///< Before the dot.
  std::string target = {};                    ///< A command or a URL, as `McpClient` takes it.
  std::vector<std::string> tools = {};        ///< Those of its tools that the agent has, with `*`; empty: all.
  std::vector<std::string> environment = {};  ///< Variables of this process that the program gets too.
  std::string token_from = {};                ///< The variable that has the bearer token for a URL.
  bool needs_approval = false;                ///< Each call of its tools needs consent.
};

/// An agent described by a file (docs/formats/agent.md): its signature, tools, limits, and which calls need consent.
/// The file is trusted: its tools are commands that run with this process's rights.
struct AgentFile {
  std::string name = {};
  Signature signature = {};
  Tools tools = {};
  std::vector<AgentServer> servers = {};  ///< Those that `connect` has not asked for their tools yet.
  ReActOptions options = {};              ///< Without a model.
  JsonObject source = {};                 ///< The file as it was written.
  std::filesystem::path folder = {};      ///< The folder of its relative commands, absolute; empty if it has none.

  /// Starts or contacts the MCP servers, and adds their tools.  Throws `Error` that names the server.
  void connect();
  /// Connects first, if that was not done.
  ReActAgent agent(PredictorOptions predictor = {}) const;
};

/// Throws `Error` (`config_error`) that names the member at fault.  `folder` is where its relative commands are. Starts
/// nothing: its MCP servers are in `servers`.
AgentFile parse_agent(std::string_view text, const std::filesystem::path& folder = {});
/// The same from a file, connected; throws `Error` (`io_error`) too.
AgentFile load_agent(const std::filesystem::path& path);

}  // namespace dspy
