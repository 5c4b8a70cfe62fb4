#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/http.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// Server-sent events, and how what a synchronous sink tells gets into them.

namespace dspy::server {

/// Carries text from any thread to the coroutine that sends it.  `push` never waits, so a language model's sink may
/// call it; text that a slow client has not read yet is joined.  Backpressure is applied to a call made with `pace`.
class Pipe {
 public:
  virtual ~Pipe() = default;

  virtual void push(std::string_view text) = 0;
  /// Nothing comes any more.
  virtual void close() = 0;
  /// All that has come since the last call; empty text after 15 s in which nothing did; nothing at the end.  For one
  /// coroutine.
  virtual Async<std::optional<std::string>> next() = 0;
  /// Closed while more than 64 KiB wait: for `CallOptions::pace`.
  virtual std::shared_ptr<dspy::Gate> pace() const = 0;
};

std::shared_ptr<Pipe> make_pipe();

/// `event: NAME`, `data: …`, an empty line; without a name just the data.
std::string sent_event(std::string_view name, const Json& data);
/// The same for text, whose lines become one `data:` each.
std::string sent_event_text(std::string_view name, std::string_view data);

/// A response of server-sent events.  `work` runs while the pipe is sent, and is stopped when the client disconnects;
/// an exception is sent as `event: error` with the body of an error response.  A comment keeps a quiet connection open.
HttpResponse event_stream(std::function<Async<void>(std::shared_ptr<Pipe> pipe)> work);

}  // namespace dspy::server
