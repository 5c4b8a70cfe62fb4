#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/server/http.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// From a request to the handler that answers it, and from what the handler throws to a response.

namespace dspy::server {

/// An error whose HTTP status its code does not tell, such as 404 for an unknown program.
class HttpError : public Error {
 public:
  HttpError(int status, Errc code, const std::string& message, ErrorInfo info = {}, http::Headers headers = {})
      : Error(code, message, std::move(info)), status_(status), headers_(std::move(headers)) {}

  int status() const noexcept { return status_; }
  /// What goes with the response, such as `Retry-After`.
  const http::Headers& headers() const noexcept { return headers_; }

 private:
  int status_;
  http::Headers headers_;
};

/// The status that a client sees: an `HttpError`'s own, else what suits the code.  A provider that does not take *our*
/// key is 502, never 401.
int status_of(const Error& error) noexcept;

/// The body of an error response, in the shape that an API's clients expect.
using ErrorForm = std::function<Json(const Error& error, int status)>;

/// `{"error": {"message", "type", "field"?}}`: the form of routes that name none.
Json error_body(const Error& error, int status);

/// The response for an error: status, body and `Retry-After` where the error knows it.
HttpResponse error_response(const Error& error, const ErrorForm& form = {});

/// A response whose body is JSON.
HttpResponse json_response(const Json& body, int status = 200);

/// The body of a request as a JSON object.  Throws `Error` (`bad_input`) where it is none.
JsonObject json_body(const HttpRequest& request);

/// What a route says of itself in `/openapi.json`.
struct RouteDocument {
  std::string summary = {};  ///< Empty: the route is not in the document.
  std::string tag = {};
  Json request = {};     ///< JSON Schema of the body; null for none.
  Json response = {};    ///< JSON Schema of the body of `status`; null for any.
  int status = 200;      ///< Of an answer that is no error.
  bool streams = false;  ///< Answers with server-sent events.
};

/// One endpoint.  A path is made of segments: literal, `{name}` (one segment), `{name}:verb` (one segment that ends
/// with
/// `:verb`), or at the end `{name...}` (the rest, which may be empty).
struct Route {
  std::string method = "GET";
  std::string path = "/";
  Handler handler = {};
  std::string scope = {};  ///< That the caller must have; empty: anyone may ask.
  ErrorForm errors = {};   ///< Empty: `error_body`.
  RouteDocument document = {};
  /// Counts against the requests that may run at once.  Unset: a POST below `/v1/` does.
  std::optional<bool> is_work = {};
  bool is_probe = false;  ///< What a load balancer asks: not counted against the rate of an address.
};

class Admission;

/// Says who asks, by the key in the request.  Throws `HttpError` (401) for a missing or wrong key.
using Authenticator = std::function<Async<Caller>(const HttpRequest& request)>;

/// Whether a caller that was let in still may what needs `scope`: it is asked every second while the caller follows a
/// stream.
using Recheck = std::function<bool(const Caller& caller, const std::string& scope)>;

/// Whether a caller may use what needs `scope`: it has the scope, or `*`.
bool may(const Caller& caller, std::string_view scope) noexcept;

/// The endpoints of a server.  Built before it is asked; calls to `answer` may then come from any thread.
class Routes {
 public:
  Routes();
  ~Routes();
  Routes(Routes&&) noexcept;
  Routes& operator=(Routes&&) noexcept;

  /// Throws `Error` (`invalid_parameter`) for a path that is not written as said at `Route`, and for a second route
  /// with the same method and pattern.
  void add(Route route);
  void add(std::vector<Route> routes);
  /// Without one, no keys are required, and every caller may do everything.
  void set_authenticator(Authenticator authenticator) { authenticator_ = std::move(authenticator); }

  /// Streams that a client follows until it ends them (GET) end when their caller may not any more.
  void set_recheck(Recheck recheck) { recheck_ = std::move(recheck); }

  /// Requests that work (`Route::is_work`) wait for their turn there.
  void set_admission(std::shared_ptr<Admission> admission) { admission_ = std::move(admission); }

  const std::vector<std::unique_ptr<const Route>>& all() const noexcept { return routes_; }

  struct Found {
    const Route* route = nullptr;  ///< Null where there is none.
    std::map<std::string, std::string, std::less<>> parameters = {};
    std::vector<std::string> allowed = {};  ///< The methods that the path has, where the method is not one of them.
  };
  /// The route for a decoded path; the more literal of two that fit.  HEAD is answered by GET.
  Found find(std::string_view method, std::string_view path) const;

  /// The caller, if the server requires keys.  Throws `HttpError`: 401, or 403 for a caller without `scope`.
  Async<Caller> admit(const HttpRequest& request, const std::string& scope) const;

  /// As `set_recheck` says; true where nothing was set, or nobody is asked for a key.
  bool still_admits(const Caller& caller, const std::string& scope) const;

  /// The form of a path's errors, whether it has a route or not: that of the route whose path is its longest beginning.
  ErrorForm error_form(std::string_view path) const;

  /// Finds the route, has the key looked up, and runs the handler.  Never throws: what goes wrong is a response.
  Async<HttpResponse> answer(HttpRequest request) const;

 private:
  struct Node;

  std::vector<std::unique_ptr<const Route>> routes_;
  std::unique_ptr<Node> root_;
  Authenticator authenticator_;
  Recheck recheck_;
  std::shared_ptr<Admission> admission_;
};

}  // namespace dspy::server
