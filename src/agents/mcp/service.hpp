#pragma once

#include "agents/mcp/json_rpc.hpp"
#include "dspy/agents/mcp/server.hpp"
#include "dspy/base/async.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy {

struct McpServer::State {
  struct Tool {
    McpTool tool;
    std::function<Async<McpResult>(McpServedCall call)> function;
  };

  std::string name, version, instructions;
  std::vector<Tool> tools;
  std::vector<McpResource> resources;
  std::vector<McpPrompt> prompts;
};

namespace rpc {

/// What is known of one client: over standard input and output there is one.
struct Session {
  std::mutex mutex;
  // Under the lock.
  std::string version;                              ///< Of the older protocol, once it said `initialize`.
  std::map<std::string, std::stop_source> running;  ///< By id, as text.
};

/// Answers one message without I/O; nothing for a notification, and for a call that was taken back.  `note` sends the
/// client what belongs to the call.
Async<std::optional<Answer>> served(std::shared_ptr<const McpServer::State> server, std::shared_ptr<Session> session,
                                    Call call, std::function<void(const Call& note)> note);

}  // namespace rpc
}  // namespace dspy
