#include "dspy/http/simulated_transport.hpp"

#include "http/simulation.hpp"

#include <algorithm>
#include <deque>
#include <format>
#include <mutex>
#include <string_view>
#include <utility>

namespace dspy::http {
namespace {

class SimulatedBody final : public Body {
 public:
  SimulatedBody(std::shared_ptr<const SimulatedWait> waiter, SimulatedReply reply)
      : reading_(std::make_shared<Reading>(Reading{.waiter = std::move(waiter), .reply = std::move(reply)})) {}

  Async<std::optional<std::string>> next() override { return read(reading_); }

 private:
  struct Reading {
    std::shared_ptr<const SimulatedWait> waiter;
    SimulatedReply reply;
    std::size_t at = 0;
  };

  static Async<std::optional<std::string>> read(std::shared_ptr<Reading> reading) {
    const auto& reply = reading->reply;
    const auto& waiter = *reading->waiter;
    waiter.pass(reply.piece_delay, waiter.timeouts.idle, "piece of the body");
    const auto end = std::min(reply.breaks_after.value_or(reply.body.size()), reply.body.size());
    if (reading->at == end) {
      if (reply.breaks_after) {
        throw Error(Errc::stream_broken, std::format("the simulated connection ended after {} bytes of the body", end));
      }
      co_return std::nullopt;
    }
    const auto left = end - reading->at;
    auto piece = reply.body.substr(reading->at, reply.piece_bytes == 0 ? left : std::min(left, reply.piece_bytes));
    reading->at += piece.size();
    co_return piece;
  }

  std::shared_ptr<Reading> reading_;
};

}  // namespace

struct SimulatedTransport::State {
  mutable std::mutex mutex;
  std::shared_ptr<FakeClock> clock;
  std::deque<SimulatedReply> replies;
  Server server;
  std::deque<SimulatedSocket> sockets;
  std::vector<Request> requests;
  std::vector<std::string> messages;

  SimulatedReply answer(const Request& request) {
    Server other;
    {
      const std::lock_guard lock(mutex);
      requests.push_back(request);
      if (!replies.empty()) {
        auto reply = std::move(replies.front());
        replies.pop_front();
        return reply;
      }
      other = server;
    }
    if (other) return other(request);
    throw Error(Errc::config_error,
                "the simulated server has no reply left; add one with `reply`, or give it a `serve`");
  }

  SimulatedSocket take_socket(const Request& request) {
    const std::lock_guard lock(mutex);
    requests.push_back(request);
    if (sockets.empty())
      throw Error(Errc::config_error, "the simulated server takes no WebSocket; add one with `accept`");
    auto socket = std::move(sockets.front());
    sockets.pop_front();
    return socket;
  }

  static SimulatedWait begun(const State& state, const Request& request) {
    SimulatedWait waiter{
        .clock = state.clock, .timeouts = request.timeouts, .deadline = request.deadline, .stop = request.stop};
    waiter.require_not_stopped();
    for (const auto& header : request.headers) require_sendable(header.name, header.value);
    return waiter;
  }

  static Async<Upgraded> connect(std::shared_ptr<State> state, Request request) {
    const auto waiter = begun(*state, request);
    auto socket = state->take_socket(request);
    waiter.pass(socket.header_delay, waiter.timeouts.first_byte, "header");
    if (socket.error) throw Error(*socket.error);
    Upgraded out{.status = socket.status, .headers = socket.headers};
    if (socket.status == 101)
      out.socket = simulated_socket(state->clock, std::move(socket), [state](const std::string& message) {
        const std::lock_guard lock(state->mutex);
        state->messages.push_back(message);
      });
    co_return out;
  }

  static Async<Streamed> open(std::shared_ptr<State> state, Request request) {
    const auto waiter = std::make_shared<const SimulatedWait>(begun(*state, request));
    auto reply = state->answer(request);
    waiter->pass(reply.header_delay, waiter->timeouts.first_byte, "header");
    if (reply.error) throw Error(*reply.error);
    Streamed streamed{.status = reply.status, .headers = reply.headers};
    streamed.body = std::make_unique<SimulatedBody>(waiter, std::move(reply));
    co_return streamed;
  }
};

SimulatedTransport::SimulatedTransport(std::shared_ptr<FakeClock> clock) : state_(std::make_shared<State>()) {
  state_->clock = clock ? std::move(clock) : std::make_shared<FakeClock>();
}

SimulatedTransport::~SimulatedTransport() = default;

void SimulatedTransport::reply(SimulatedReply reply) {
  const std::lock_guard lock(state_->mutex);
  state_->replies.push_back(std::move(reply));
}

void SimulatedTransport::serve(Server server) {
  const std::lock_guard lock(state_->mutex);
  state_->server = std::move(server);
}

Async<Streamed> SimulatedTransport::open(Request request) {
  return State::open(state_, std::move(request));
}

void SimulatedTransport::accept(SimulatedSocket socket) {
  const std::lock_guard lock(state_->mutex);
  state_->sockets.push_back(std::move(socket));
}

Async<Upgraded> SimulatedTransport::connect(Request request, SocketLimits /*limits*/) {
  return State::connect(state_, std::move(request));
}

std::vector<std::string> SimulatedTransport::messages() const {
  const std::lock_guard lock(state_->mutex);
  return state_->messages;
}

std::vector<Request> SimulatedTransport::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

std::size_t SimulatedTransport::left() const {
  const std::lock_guard lock(state_->mutex);
  return state_->replies.size();
}

}  // namespace dspy::http
