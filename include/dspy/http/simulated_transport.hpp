#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/http/transport.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::http {

/// What a simulated server does with one request.
struct SimulatedReply {
  int status = 200;
  Headers headers = {};
  std::string body = {};
  std::size_t piece_bytes = 0;                   ///< The body comes in pieces of so many bytes; 0: in one.
  std::chrono::nanoseconds header_delay{0};      ///< Until the header is there.
  std::chrono::nanoseconds piece_delay{0};       ///< Before each piece.
  std::optional<std::size_t> breaks_after = {};  ///< The connection ends after so many bytes of the body.
  std::optional<Error> error = {};               ///< Thrown instead of a reply, after `header_delay`.
};

/// What a simulated server does with one WebSocket.
struct SimulatedSocket {
  int status = 101;  ///< Any other refuses it.
  Headers headers = {};
  /// What it says to each message; null: nothing.
  std::function<std::vector<std::string>(std::string_view message)> answer = {};
  std::chrono::nanoseconds header_delay{0};    ///< Until the socket is open.
  std::chrono::nanoseconds message_delay{0};   ///< Before each message.
  std::optional<std::size_t> ends_after = {};  ///< Messages of the server, after which it closes.
  std::optional<SocketClose> close = {};       ///< How; the connection breaks without it.
  std::optional<Error> error = {};             ///< Thrown instead of a socket, after `header_delay`.
};

/// A transport without a network, for tests: gives scripted replies, and records requests.  Delays advance the given
/// clock and take no time; they count against the request's timeouts, deadline and stop token like those of a real
/// transport.  Thread-safe.
class SimulatedTransport final : public Transport {
 public:
  using Server = std::function<SimulatedReply(const Request&)>;

  /// Without a clock there are no real delays: a private `FakeClock` is advanced.
  explicit SimulatedTransport(std::shared_ptr<FakeClock> clock = nullptr);
  ~SimulatedTransport() override;

  /// Says this next; replies are given in the order in which they were added.
  void reply(SimulatedReply reply);
  /// Answers what no reply was added for.  Without it, such a request is a `config_error`.
  void serve(Server server);

  /// Does this with the next WebSocket, in the order in which they were added.
  void accept(SimulatedSocket socket);

  Async<Streamed> open(Request request) override;
  Async<Upgraded> connect(Request request, SocketLimits limits = {}) override;

  /// What was sent, in order.
  std::vector<Request> requests() const;
  /// The messages that were sent over WebSockets, in order.
  std::vector<std::string> messages() const;
  /// Replies not used yet.
  std::size_t left() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace dspy::http
