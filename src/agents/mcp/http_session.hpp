#pragma once

#include "agents/mcp/service.hpp"
#include "dspy/agents/mcp/server.hpp"

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::rpc {

/// A request, as far as MCP looks at it.  Names of fields are in lower case.
struct HttpRequest {
  std::string method = {}, target = {};
  std::map<std::string, std::string, std::less<>> fields = {};
  std::string body = {};

  std::string_view field(std::string_view name) const;
};

struct HttpReply {
  int status = 200;
  std::string body = {};
  std::string session = {};  ///< For a header field.
  bool is_json = true;
};

/// What Streamable HTTP asks of a server, without sockets: which requests are served, and with what.
class HttpService {
 public:
  HttpService(std::shared_ptr<const McpServer::State> server, McpHttpOptions options, std::uint16_t port)
      : server_(std::move(server)), options_(std::move(options)), port_(port) {}

  const std::string& path() const noexcept { return options_.path; }
  std::size_t message_bytes() const noexcept { return options_.message_bytes; }

  /// What is answered without looking at the message; nothing if it is to be looked at.
  std::optional<HttpReply> refused(const HttpRequest& request);

  struct Accepted {
    Call call = {};
    std::shared_ptr<Session> session = {};
    std::string session_id = {};  ///< New.
    bool wants_stream = false;
    bool is_modern = false;
  };
  /// The message, or what is answered in its place.
  std::expected<Accepted, HttpReply> accepted(const HttpRequest& request);
  Async<std::optional<Answer>> run(const Accepted& accepted, std::function<void(const Call& note)> note) const;
  HttpReply reply(const Accepted& accepted, const Answer& answer) const;
  /// The client is gone.
  static void abandon(const Accepted& accepted);
  void stop_all();

 private:
  bool is_own_origin(std::string_view origin) const;
  std::shared_ptr<Session> find_session(const std::string& id);

  std::shared_ptr<const McpServer::State> server_;
  McpHttpOptions options_;
  std::uint16_t port_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Session>> sessions_;  ///< Under the lock.
  std::vector<std::weak_ptr<Session>> modern_;                ///< Under the lock: calls under way.
};

/// Serves one connection until it ends, or `wake` can be read.
void serve_connection(HttpService& service, int socket, int wake);

}  // namespace dspy::rpc
