#include "http/simulation.hpp"

#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>

namespace dspy::http {
namespace {

class SimulatedWebSocket final : public WebSocket {
 public:
  using Keep = std::function<void(const std::string&)>;

  SimulatedWebSocket(std::shared_ptr<FakeClock> clock, SimulatedSocket socket, Keep keep)
      : state_(std::make_shared<State>()) {
    state_->clock = std::move(clock);
    state_->socket = std::move(socket);
    state_->keep = std::move(keep);
  }

  Async<void> send(std::string text, SocketWait wait) override {
    return push(state_, std::move(text), std::move(wait));
  }
  Async<std::optional<std::string>> next(SocketWait wait) override { return take(state_, std::move(wait)); }
  Async<void> close(SocketClose /*why*/) override { return end(state_); }

  std::optional<SocketClose> closed() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->closed;
  }
  bool is_open() const override {
    const std::lock_guard lock(state_->mutex);
    return !state_->is_over;
  }

 private:
  struct State {
    std::mutex mutex;
    std::shared_ptr<FakeClock> clock;
    SimulatedSocket socket;
    Keep keep;
    std::deque<std::string> coming;
    std::size_t said = 0;
    bool is_over = false;
    std::optional<SocketClose> closed;

    bool has_said_all() const { return socket.ends_after && said >= *socket.ends_after; }
  };

  static SimulatedWait waiter(const State& state, const SocketWait& wait) {
    return {.clock = state.clock, .timeouts = {.idle = wait.idle}, .deadline = wait.deadline, .stop = wait.stop};
  }

  /// What fails ends the socket.
  static void pass(State& state, const SocketWait& wait, std::chrono::nanoseconds time) {
    try {
      waiter(state, wait).pass(time, wait.idle, "message");
    } catch (const Error&) {
      const std::lock_guard lock(state.mutex);
      state.is_over = true;
      throw;
    }
  }

  static Async<void> push(std::shared_ptr<State> state, std::string text, SocketWait wait) {
    pass(*state, wait, std::chrono::nanoseconds(0));
    {
      const std::lock_guard lock(state->mutex);
      if (state->is_over) throw Error(Errc::stream_broken, "the simulated WebSocket is closed; open another one");
    }
    state->keep(text);
    if (!state->socket.answer) co_return;
    auto answers = state->socket.answer(text);
    const std::lock_guard lock(state->mutex);
    for (auto& answer : answers) state->coming.push_back(std::move(answer));
  }

  static Async<std::optional<std::string>> take(std::shared_ptr<State> state, SocketWait wait) {
    bool is_silent = false;
    {
      const std::lock_guard lock(state->mutex);
      if (state->is_over) co_return std::nullopt;
      is_silent = !state->has_said_all() && state->coming.empty();
    }
    // Nobody else moves the clock, so that a silence lasts for as long as the reader waits.
    pass(*state, wait, is_silent ? std::chrono::hours(24 * 365) : state->socket.message_delay);
    const std::lock_guard lock(state->mutex);
    if (state->has_said_all()) {
      state->is_over = true;
      state->closed = state->socket.close;
      if (!state->closed)
        throw Error(Errc::stream_broken, "the simulated WebSocket's connection ended without a close");
      co_return std::nullopt;
    }
    if (state->coming.empty()) throw Error(Errc::timeout, "the simulated server said nothing");
    auto message = std::move(state->coming.front());
    state->coming.pop_front();
    ++state->said;
    co_return message;
  }

  static Async<void> end(std::shared_ptr<State> state) {
    const std::lock_guard lock(state->mutex);
    state->is_over = true;
    co_return;
  }

  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<WebSocket> simulated_socket(std::shared_ptr<FakeClock> clock, SimulatedSocket socket,
                                            std::function<void(const std::string&)> keep) {
  return std::make_unique<SimulatedWebSocket>(std::move(clock), std::move(socket), std::move(keep));
}

}  // namespace dspy::http
