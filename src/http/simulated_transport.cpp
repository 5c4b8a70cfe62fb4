#include "dspy/http/simulated_transport.hpp"

#include <algorithm>
#include <deque>
#include <format>
#include <mutex>
#include <string_view>
#include <utility>

namespace dspy::http {
namespace {

using std::chrono::nanoseconds;

/// What a request waits with, by the simulated clock.
struct Waiter {
  std::shared_ptr<FakeClock> clock;
  Timeouts timeouts;
  std::optional<Clock::Time> deadline;
  std::stop_token stop;
  Clock::Time begun = clock->now();

  /// Lets `time` pass, or as much of it as the request allows; throws what ends it.
  void pass(nanoseconds time, nanoseconds timeout, std::string_view phase) const {
    require_not_stopped();
    const auto now = clock->now();
    auto end = now + time;
    auto limit = now + timeout;
    auto problem = std::format("the simulated server sent no {} in time", phase);
    auto code = Errc::timeout;
    if (timeouts.total && begun + *timeouts.total < limit) {
      limit = begun + *timeouts.total;
      problem = "the simulated server did not end its reply in the total time";
    }
    if (deadline && *deadline < limit) {
      limit = *deadline;
      problem = "the deadline passed";
      code = Errc::deadline_exceeded;
    }
    const bool is_late = end > limit;
    if (is_late) end = std::max(limit, now);
    if (end > now) clock->advance(end - now);
    if (is_late) throw Error(code, problem);
    require_not_stopped();
  }

  void require_not_stopped() const {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop");
  }
};

class SimulatedBody final : public Body {
 public:
  SimulatedBody(std::shared_ptr<const Waiter> waiter, SimulatedReply reply)
      : reading_(std::make_shared<Reading>(Reading{.waiter = std::move(waiter), .reply = std::move(reply)})) {}

  Async<std::optional<std::string>> next() override { return read(reading_); }

 private:
  struct Reading {
    std::shared_ptr<const Waiter> waiter;
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
  std::vector<Request> requests;

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

  static Async<Streamed> open(std::shared_ptr<State> state, Request request) {
    const auto waiter = std::make_shared<const Waiter>(Waiter{
        .clock = state->clock, .timeouts = request.timeouts, .deadline = request.deadline, .stop = request.stop});
    waiter->require_not_stopped();
    for (const auto& header : request.headers) require_sendable(header.name, header.value);
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

std::vector<Request> SimulatedTransport::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

std::size_t SimulatedTransport::left() const {
  const std::lock_guard lock(state_->mutex);
  return state_->replies.size();
}

}  // namespace dspy::http
