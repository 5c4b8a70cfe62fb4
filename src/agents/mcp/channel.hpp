#pragma once

#include "agents/mcp/json_rpc.hpp"
#include "dspy/agents/mcp/client.hpp"
#include "dspy/base/async.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::rpc {

/// One question to a server.
struct Question {
  Call call = {};
  std::string version = {};  ///< The protocol's, for the header; empty before it is known.
  bool is_modern = false;
  /// The server's messages about this call, such as its progress; where the caller awaits.
  std::function<void(const Call& note)> on_note = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};

/// The way to one server.  Calls may overlap and come from any thread.
class Channel {
 public:
  /// Answers the server's own calls.
  using OnCall = std::function<Async<Answer>(Call call)>;

  virtual ~Channel() = default;

  /// The answer of that id.  Throws `Error`: `unavailable` (the server is gone, or cannot be reached; `info().status`
  /// has an HTTP status), `deadline_exceeded` and `cancelled`, after notifying the server.
  virtual Async<Answer> ask(Question question) = 0;
  /// Sends a notification.
  virtual Async<void> tell(Question note) = 0;
  /// False once the server has ended permanently.
  virtual bool is_open() const = 0;
};

std::shared_ptr<Channel> stdio_channel(const std::string& command, const McpOptions& options, Channel::OnCall on_call);
/// Throws `Error` (`unsupported`) where the library was built without HTTP.
std::shared_ptr<Channel> http_channel(const std::string& url, const McpOptions& options, Channel::OnCall on_call);

/// A command line taken apart as a shell does with blanks, quotes and backslashes; nothing is expanded.  Throws `Error`
/// (`invalid_parameter`) for a quote that is not closed.
std::vector<std::string> split_command(std::string_view command);

}  // namespace dspy::rpc
