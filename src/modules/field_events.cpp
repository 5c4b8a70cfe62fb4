#include "dspy/modules/field_events.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/predictor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace dspy::detail {

namespace asio = boost::asio;

struct PieceQueue::State {
  struct Ending;

  explicit State(std::size_t most) : most_waiting(most) {}

  const std::size_t most_waiting;
  const std::shared_ptr<Gate> pace = std::make_shared<Gate>();           ///< Open while there is room.
  const std::shared_ptr<Gate> has_news = std::make_shared<Gate>(false);  ///< Open while there is something to read.
  std::mutex mutex;
  std::deque<FieldPiece> pieces;
  bool has_ended = false;
  std::exception_ptr failure;

  void push(FieldPiece piece) {
    const std::lock_guard lock(mutex);
    pieces.push_back(std::move(piece));
    if (pieces.size() >= most_waiting) pace->close();
    if (pieces.size() == 1) has_news->open();
  }

  void end(std::exception_ptr why) {
    const std::lock_guard lock(mutex);
    has_ended = true;
    failure = std::move(why);
    has_news->open();
  }

  std::optional<FieldPiece> pop() {
    const std::lock_guard lock(mutex);
    if (pieces.empty()) return std::nullopt;
    auto first = std::move(pieces.front());
    pieces.pop_front();
    if (pieces.size() * 2 <= most_waiting) pace->open();
    if (pieces.empty() && !has_ended) has_news->close();
    return first;
  }
};

PieceQueue::PieceQueue(std::size_t most_waiting)
    : state_(std::make_shared<State>(most_waiting > 0 ? most_waiting : 1)) {}

PieceQueue::~PieceQueue() {
  stop_.request_stop();
}

CallOptions PieceQueue::options(CallOptions given) {
  joined_ = join(given.stop, stop_.get_token());
  given.stop = joined_.token;
  given.pace = state_->pace;
  return given;
}

FieldSink PieceQueue::sink() const {
  return [state = state_](const FieldEvent& event) {
    state->push({.field = std::string(event.field),
                 .text = std::string(event.text),
                 .done = event.done,
                 .restart = event.restart});
  };
}

/// Tells the reader that the call has ended, also where its event loop has ended before it.
struct PieceQueue::State::Ending {
  std::shared_ptr<State> state;
  std::exception_ptr failure = std::make_exception_ptr(
      Error(Errc::cancelled, "the event loop of the call ended before the call; read its events on one event loop"));

  explicit Ending(std::shared_ptr<State> of) : state(std::move(of)) {}
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() { state->end(std::move(failure)); }
};

Async<void> PieceQueue::start(Async<void> call) {
  // The call may outlive the reader by the moment it takes to stop, and so keeps what its stop token needs.
  asio::co_spawn(
      co_await asio::this_coro::executor,
      [](Async<void> work, std::shared_ptr<State> state, JoinedStop stop) -> Async<void> {
        State::Ending ending(std::move(state));
        try {
          co_await std::move(work);
          ending.failure = nullptr;
        } catch (...) {
          ending.failure = std::current_exception();
        }
        static_cast<void>(stop);
      }(std::move(call), state_, joined_),
      asio::detached);
}

Async<std::optional<FieldPiece>> PieceQueue::next() {
  return [](std::shared_ptr<State> state) -> Async<std::optional<FieldPiece>> {
    co_await Gate::opened(state->has_news);
    auto piece = state->pop();
    if (!piece && state->failure) std::rethrow_exception(state->failure);
    co_return piece;
  }(state_);
}

}  // namespace dspy::detail
