#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

class Tools;

namespace http {
class Transport;
}

/// What a server asks the user through us.
struct McpElicitation {
  std::string message = {};
  JsonObject schema = {};  ///< Of the answer: a flat object.
  std::string url = {};    ///< Where the user is to go instead of answering here; never opened by us.
};

struct McpElicitationAnswer {
  enum class Action { accept, decline, cancel };

  Action action = Action::decline;
  JsonObject content = {};  ///< With `accept`.
};

/// A header field that says who we are.
struct McpHeader {
  std::string name = {};
  std::string prefix = {};  ///< `Bearer `.
  Secret value = {};
};

struct McpOptions {
  // Behaviour
  /// `NAME=value`, for a server that is a program.  Of our own environment it gets PATH, HOME, USER, LANG and TMPDIR.
  std::vector<std::string> environment = {};
  std::vector<McpHeader> headers = {};              ///< For a server that is a URL.
  std::shared_ptr<http::Transport> transport = {};  ///< Else the library's own.
  /// Asks the user.  Without it the server is told that elicitation is not available.
  std::function<Async<McpElicitationAnswer>(McpElicitation question)> elicit = {};
  /// The next call restarts a server that has ended, and begins a new session if the old one is lost.
  bool reconnects = true;
  std::string client_name = "dspy-cpp";

  // Limits
  std::chrono::milliseconds discover_limit{5'000};  ///< Until a server counts as one of the older protocol.
  std::chrono::milliseconds connect_limit{60'000};
  std::chrono::milliseconds call_limit{600'000};
  std::size_t message_bytes = std::size_t{16} << 20;
  std::size_t pages = 1'000;                  ///< Of one list.
  int input_rounds = 8;                       ///< How often a server may ask something before it answers.
  std::chrono::milliseconds patience{2'000};  ///< For a program that is to end.
};

/// How far a server is with a call.
struct McpProgress {
  double progress = 0;
  std::optional<double> total = {};
  std::string message = {};
};

struct McpCallOptions {
  std::function<void(const McpProgress& progress)> on_progress = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};

/// A tool as its server describes it.  All of it is what the server says; the hints are no promise, and nothing is
/// allowed because of them.
struct McpTool {
  std::string name = {};
  std::string title = {};
  std::string description = {};
  JsonObject input_schema = {};
  std::optional<JsonObject> output_schema = {};
  bool read_only_hint = false;
  bool destructive_hint = true;
  bool idempotent_hint = false;
  bool open_world_hint = true;
};

struct McpResult {
  JsonArray content = {};
  std::optional<Json> structured = {};
  bool is_error = false;

  /// Its text parts, a line end between them.
  std::string text() const;
};

struct McpServerInfo {
  std::string name = {};
  std::string version = {};
  std::string instructions = {};
  std::string protocol = {};  ///< `2026-07-28`.
  JsonObject capabilities = {};
};

/// A connection to an MCP server: of the current protocol (2026-07-28) or an older one (2025-11-25 to 2024-11-05),
/// whichever it speaks.  A value; copies share the connection.  Calls may overlap from any thread.
///
///     auto client = dspy::McpClient("npx -y @scope/server");      // a program, over its standard input and output
///     auto client = dspy::McpClient("http://127.0.0.1:8080/mcp"); // Streamable HTTP
///
/// A command is run as it stands, without a shell: take it from configuration that you trust, never from a model or a
/// server.  All calls throw `Error`: `unavailable` (it cannot be reached, or ended meanwhile), `refused` (it answered
/// with an error; `info().status` is not set, the message has its code), `unsupported`, `cancelled`,
/// `deadline_exceeded` (also of `call_limit`), `backend_error` (it speaks no MCP).
class McpClient {
 public:
  /// Connects with the first call.
  explicit McpClient(std::string command_or_url, McpOptions options = {});

  Async<McpServerInfo> connect() const;
  Async<std::vector<McpTool>> list_tools() const;
  /// A tool's own failure is a result with `is_error`.
  Async<McpResult> call_tool(std::string name, JsonObject arguments, McpCallOptions options = {}) const;
  /// As the server describes them: `uri`, `name`, ….
  Async<std::vector<JsonObject>> list_resources() const;
  /// Their contents: `uri` and `text` or `blob`.
  Async<std::vector<JsonObject>> read_resource(std::string uri) const;
  Async<std::vector<JsonObject>> list_prompts() const;
  /// `{"description", "messages"}`.
  Async<JsonObject> get_prompt(std::string name, JsonObject arguments = {}) const;
  /// Any other request.
  Async<JsonObject> request(std::string method, JsonObject params, McpCallOptions options = {}) const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

/// The tools of a server, for an agent.  Connects and asks for them now.
///
///     dspy::Tools tools;
///     tools.add(dspy::mcp("npx some-server"), "files");   // files.read, files.write, …
///
/// A tool whose schema cannot be used is left out, which the log tells.
Tools mcp(std::string command_or_url, McpOptions options = {});
Async<Tools> mcp_tools(McpClient client);

}  // namespace dspy
