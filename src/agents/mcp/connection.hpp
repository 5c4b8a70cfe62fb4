#pragma once

#include "agents/mcp/channel.hpp"
#include "base/bell.hpp"
#include "dspy/agents/mcp/client.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <format>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

namespace rpc {

constexpr std::string_view modern_version = "2026-07-28";
/// Of the older protocol, newest first.
constexpr std::array<std::string_view, 4> legacy_versions = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
/// A key of `_meta` that is the protocol's own.
inline std::string meta_key(std::string_view name) {
  return std::format("io.modelcontextprotocol/{}", name);
}

/// A server that was greeted.
struct Connection {
  std::shared_ptr<Channel> channel;
  bool is_modern = false;
  McpServerInfo server;
  std::atomic<std::int64_t> next_id = 1;

  std::string version() const { return server.protocol; }
};

/// Finds out which protocol the server speaks, and greets it.
Async<std::shared_ptr<Connection>> connected(std::string target, McpOptions options);

/// One request, with what its protocol requires besides the parameters.  Throws `Error` for an error.
Async<JsonObject> asked(std::shared_ptr<Connection> connection, McpOptions options, std::string method,
                        JsonObject params, McpCallOptions how);

/// What a server asks us to ask the user.
Async<JsonObject> elicited(McpOptions options, JsonObject params);

}  // namespace rpc

struct McpClient::State {
  std::string target;
  McpOptions options;
  std::mutex mutex;
  // Under the lock.
  std::shared_ptr<rpc::Connection> connection;
  bool is_connecting = false;
  std::vector<std::shared_ptr<Bell>> waiting;
};

}  // namespace dspy
