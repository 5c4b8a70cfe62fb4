#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/call_context.hpp"
#include "modules/call_machine.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

/// One stream of events over all attempts: what an attempt handed out is retracted before the next.
class AttemptSink {
 public:
  explicit AttemptSink(const FieldSink* sink) : sink_(sink) {}

  void operator()(const FieldEvent& event) {
    if (std::ranges::find(handed_out_, event.field) == handed_out_.end()) handed_out_.emplace_back(event.field);
    (*sink_)(event);
  }

  /// Reads the reply of this attempt as it arrives.
  FieldStream& open(const Exchange& exchange) {
    fields_ = exchange.open_stream();
    return *fields_;
  }
  FieldStream* fields() const noexcept { return fields_.get(); }

  bool has_handed_out() const noexcept { return !handed_out_.empty(); }

  void begin_anew() {
    for (const auto& field : handed_out_) (*sink_)({.field = field, .restart = true});
    handed_out_.clear();
    fields_.reset();
  }

 private:
  const FieldSink* sink_;
  std::unique_ptr<FieldStream> fields_;
  std::vector<std::string> handed_out_;
};

/// The requests of one call, from the first to the last: each is streamed to the caller, counted in the context's
/// budget and traced.  The references outlive it, and it outlives what it returns.
class Attempts {
 public:
  /// `sink` and `context` may be null.  `span` is the call's, if it is traced.
  Attempts(const FieldSink* sink, const CallContext* context, std::uint64_t span) : context_(context), span_(span) {
    if (sink != nullptr) events_.emplace(sink);
  }
  Attempts(const Attempts&) = delete;
  Attempts& operator=(const Attempts&) = delete;

  /// Retracts what the previous attempt streamed.
  void begin_anew() {
    if (events_) events_->begin_anew();
  }
  /// Sends the machine's request, and streams the reply to the caller.
  Async<Reply> ask(const CallMachine& machine, Request request) {
    return send(machine, std::move(request), events_ ? &*events_ : nullptr);
  }
  /// Sends a request whose reply is not streamed.
  Async<Reply> ask_aside(const CallMachine& machine, Request request) {
    return send(machine, std::move(request), nullptr);
  }

  bool has_handed_out() const noexcept { return events_ && events_->has_handed_out(); }
  /// The reader of the streamed reply; null if nothing was streamed.
  FieldStream* fields() const noexcept { return events_ ? events_->fields() : nullptr; }

 private:
  Async<Reply> send(const CallMachine& machine, Request&& request, AttemptSink* events);

  std::optional<AttemptSink> events_;
  const CallContext* context_;
  std::uint64_t span_;
  int number_ = 0;
};

}  // namespace dspy
