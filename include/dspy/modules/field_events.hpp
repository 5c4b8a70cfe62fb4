#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/signature/prediction.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace dspy {

/// A piece of one output field, as `FieldEvent`, which owns its texts.
struct FieldPiece {
  std::string field = {};
  std::string text = {};
  bool done = false;
  bool restart = false;
};

namespace detail {

/// Between a call that writes pieces and the coroutine that reads them.
class PieceQueue {
 public:
  explicit PieceQueue(std::size_t most_waiting);
  PieceQueue(const PieceQueue&) = delete;
  PieceQueue& operator=(const PieceQueue&) = delete;
  ~PieceQueue();

  /// The options of a call whose pieces go through `sink`: it stops with the reader, and is subject to its
  /// backpressure.
  CallOptions options(CallOptions given);
  FieldSink sink() const;
  /// Starts the call where the caller awaits; to be awaited once.
  Async<void> start(Async<void> call);
  /// The next piece; nothing at the end.  Throws what the call threw.
  Async<std::optional<FieldPiece>> next();

 private:
  struct State;

  std::shared_ptr<State> state_;
  std::stop_source stop_;
  JoinedStop joined_;
};

template <class T>
Async<void> keep_at(Async<T> work, std::shared_ptr<std::optional<T>> result) {
  result->emplace(co_await std::move(work));
}

}  // namespace detail

/// A reply read at the reader's own pace.
///
///     auto events = dspy::events(program, input);
///     while (auto piece = co_await events.next()) std::print("{}", piece->text);
///     auto output = co_await events.result();
///
/// The call starts with the first `next`.  Unread pieces are buffered, and beyond `most_waiting` backpressure is
/// applied to the call (`Request::pace`).  Destroying the object stops the call.  For a single coroutine on a serial
/// executor.
template <class Out>
class FieldEvents {
 public:
  template <class Start>
  FieldEvents(Start start, CallOptions options, std::size_t most_waiting)
      : queue_(std::make_unique<detail::PieceQueue>(most_waiting)), result_(std::make_shared<std::optional<Out>>()) {
    call_.emplace(detail::keep_at(start(queue_->options(std::move(options)), queue_->sink()), result_));
  }

  /// The next piece; nothing at the end of the reply.  Throws what the call throws.
  Async<std::optional<FieldPiece>> next() {
    if (call_) co_await queue_->start(*std::exchange(call_, std::nullopt));
    co_return co_await queue_->next();
  }

  /// What the call returns, after the pieces that have not been read are dropped.  Throws what the call throws.
  Async<Out> result() {
    while (co_await next()) {
    }
    co_return *std::move(*result_);
  }

 private:
  std::unique_ptr<detail::PieceQueue> queue_;
  std::shared_ptr<std::optional<Out>> result_;
  std::optional<Async<void>> call_;
};

/// The events of a predictor's call.
inline FieldEvents<Prediction> events(const Predictor& predictor, JsonObject inputs, CallOptions options = {},
                                      std::size_t most_waiting = 256) {
  return {[&](CallOptions given, FieldSink sink) {
            return predictor.astream(std::move(inputs), std::move(sink), std::move(given));
          },
          std::move(options), most_waiting};
}

/// The events of a program's call, of every module in it that streams.
template <Runnable P>
FieldEvents<OutputOf<P>> events(P program, InputOf<P> input, CallOptions options = {}, std::size_t most_waiting = 256) {
  return {[&](CallOptions given, FieldSink sink) {
            return [](P self, InputOf<P> in, CallOptions how, FieldSink out) -> Async<OutputOf<P>> {
              co_return co_await self.run(std::move(in), Run{.options = std::move(how), .sink = std::move(out)});
            }(std::move(program), std::move(input), std::move(given), std::move(sink));
          },
          std::move(options), most_waiting};
}

}  // namespace dspy
