#pragma once

#include "dspy/agents/mcp/client.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/signature.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy {

/// A call of a tool that a client made.
struct McpServedCall {
  JsonObject arguments = {};
  /// Reports the progress of the call, if the client wants it; each figure must be larger than the one before.
  std::function<void(const McpProgress& progress)> progress = {};
  std::stop_token stop = {};  ///< Requested when the client cancels the call, or disconnects.
};

struct McpResource {
  std::string uri = {};
  std::string name = {};
  std::string description = {};
  std::string media_type = "text/plain";
  std::function<std::string()> read = {};  ///< Text, UTF-8.
};

struct McpPromptArgument {
  std::string name = {};
  std::string description = {};
  bool is_required = false;
};

struct McpPrompt {
  std::string name = {};
  std::string description = {};
  std::vector<McpPromptArgument> arguments = {};
  std::function<std::string(const JsonObject& arguments)> render = {};  ///< What the user says.
};

/// Tools, programs, resources and prompts for any MCP host, over the current protocol and the older ones.
///
///     dspy::McpServer server("support");
///     server.add("triage", "Sorts a ticket.", dspy::signature_of<Triage>(), triage);
///     server.serve_stdio();
///
/// A value; copies are independent.  What it holds runs from several threads at once.
class McpServer {
 public:
  explicit McpServer(std::string name, std::string version = "1.0.0", std::string instructions = {});

  /// All of these throw `Error` (`invalid_parameter`) for a duplicate or invalid name.
  void add(const Tools& tools);
  /// A program as a tool: its signature's inputs are the arguments, its outputs the structured result.
  void add(std::string name, std::string description, const Signature& signature, Program program);
  void add(McpTool tool, std::function<Async<McpResult>(McpServedCall call)> function);
  void add(McpResource resource);
  void add(McpPrompt prompt);

  /// Serves the process's standard input and output until the input ends.  Nothing else may write to the output.
  void serve_stdio() const;

  struct State;

 private:
  friend class McpHttpServer;
  std::shared_ptr<State> state_;
};

struct McpHttpOptions {
  std::uint16_t port = 0;  ///< 0: any that is free.
  std::string path = "/mcp";
  /// Web pages that may ask, such as `http://localhost:6274`; others are refused, since a page that a user happens to
  /// visit could reach a server on the user's machine.
  std::vector<std::string> origins = {};
  std::size_t message_bytes = std::size_t{16} << 20;
  std::size_t connections = 64;
  std::size_t sessions = 1'000;  ///< Of clients that speak the older protocol.
};

/// Serves over Streamable HTTP, on 127.0.0.1 only, until it is destroyed.
class McpHttpServer {
 public:
  /// Throws `Error` (`io_error`) if the port is taken.
  explicit McpHttpServer(const McpServer& server, McpHttpOptions options = {});
  ~McpHttpServer();
  McpHttpServer(const McpHttpServer&) = delete;
  McpHttpServer& operator=(const McpHttpServer&) = delete;

  std::uint16_t port() const noexcept;
  std::string url() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy
