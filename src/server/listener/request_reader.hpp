#pragma once

#include "dspy/server/http.hpp"
#include "dspy/server/listener.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {

/// Reads requests from the bytes of a connection, without the connection.  What two readers could take for different
/// requests is refused: a body with two lengths, folded header fields, line ends without CR.
///
/// Throws `HttpError` for a request that cannot be read; then the connection must be closed.
class RequestReader {
 public:
  enum class State {
    head,  ///< The empty line has not come.
    body,
    done,  ///< `take` has the request.
  };

  explicit RequestReader(const ListenerLimits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Returns how many of the bytes belong to this request; the rest is for after `take`.
  std::size_t push(std::string_view bytes);

  State state() const noexcept { return state_; }
  bool has_begun() const noexcept { return !head_.empty() || state_ != State::head; }
  /// The client waits for `100 Continue` before it sends the body.
  bool expects_continue() const noexcept { return expects_continue_; }
  bool keeps_alive() const noexcept { return keeps_alive_; }
  bool is_http_1_0() const noexcept { return is_http_1_0_; }
  /// Of the request that is read, once its head has come, even if the request is refused then; else empty.
  const std::string& path() const noexcept { return request_.path; }

  /// The request, without `peer`, `stop` and `caller`.  The next one can be read then.
  HttpRequest take();

 private:
  struct Parser;

  void read_head();

  ListenerLimits limits_;
  State state_ = State::head;
  std::string head_;
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;  ///< What the head said.
  bool expects_continue_ = false;
  bool keeps_alive_ = true;
  bool is_http_1_0_ = false;
};

/// Throws `HttpError` for a head, up to and with the empty line, that is not written as RFC 9112 has it, or that says
/// in two ways where the body ends.
void check_head(std::string_view head, const ListenerLimits& limits);

/// `%41` to `A`; with `plus_is_space`, as queries have it.  Nothing for an invalid escape, a byte that is not UTF-8, or
/// a NUL.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

}  // namespace dspy::server
