#pragma once

#include "dspy/base/async.hpp"
#include "dspy/http/headers.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

// The types that the server's parts exchange: requests, responses and routes.  Nothing here depends on sockets, so
// every endpoint can be called, and tested, without one.

namespace dspy::server {

/// Who asks, once the key has been looked up.
struct Caller {
  std::string key = {};     ///< The id of the key, never the key itself; empty where the server wants none.
  std::string tenant = {};  ///< What the caller may see belongs to the same tenant.
  std::vector<std::string> scopes = {};

  bool operator==(const Caller&) const = default;
};

struct HttpRequest {
  std::string method = "GET";
  std::string path = "/";                                           ///< Percent-decoded, without the query.
  std::map<std::string, std::string, std::less<>> query = {};       ///< Decoded; the last one of a name wins.
  std::map<std::string, std::string, std::less<>> parameters = {};  ///< What stands for `{name}` in the route.
  http::Headers headers = {};
  std::string body = {};
  std::string peer = {};      ///< The address that the connection comes from.
  std::stop_token stop = {};  ///< Asked when the client has gone or the server ends.
  /// When the answer has to be whole; a stream that the client follows until it ends it (GET) takes no notice.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  Caller caller = {};
};

/// Takes the body of a streamed response piece by piece.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;

  /// Returns when the connection has accepted the bytes, so a slow reader slows down its writer.  Throws `Error`
  /// (`cancelled`) when the client has disconnected.
  virtual Async<void> write(std::string bytes) = 0;
};

struct HttpResponse {
  int status = 200;
  http::Headers headers = {};
  std::string body = {};
  /// In place of `body`, where the response grows: called once, after the head has been sent.
  std::function<Async<void>(BodyWriter& writer)> stream = {};
};

/// Answers a request.  What it throws becomes an error response in the form of the route's API.
using Handler = std::function<Async<HttpResponse>(HttpRequest request)>;

}  // namespace dspy::server
