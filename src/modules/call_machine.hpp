#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/predictor.hpp"

#include <memory>
#include <optional>
#include <span>

namespace dspy {

/// Everything that one call uses.  The references outlive it.
struct Call {
  std::shared_ptr<LM> lm;
  std::shared_ptr<const Adapter> adapter;
  std::shared_ptr<const Exchange> exchange;  ///< The adapter's, for the signature and the demonstrations.
  std::shared_ptr<const Signature> signature;
  std::span<const Example> demos;
  const Sampling& sampling;  ///< The predictor's.
  const CallPolicy& policy;
  const DecisionsSettings* decisions = nullptr;  ///< Null: none.
  const CallOptions& options;
  const CallContext* context;  ///< Null: none.
  const FieldSink* sink;       ///< Null unless the call streams.
};

/// Everything between a question and its values: the two requests of a two-step adapter, rewriting a value, asking
/// again, the fallback, acceptance.  Without I/O: it returns requests, and receives replies.
class CallMachine {
 public:
  enum class State { ask, done, failed };

  /// `inputs` are checked; `prediction` is empty, and outlives the machine.  `prompt` is the exchange's prompt for the
  /// inputs, if it was formatted already.
  CallMachine(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt = {});

  State state() const noexcept { return state_; }
  /// Whom to ask, while the state is `ask`.
  LM& lm() const noexcept;
  /// Reads the reply as it arrives; null for the first of two requests, whose text is not an output.
  const Exchange* exchange() const noexcept;
  /// What to ask.  Once for each `accept`.
  Request next_request();
  /// `has_handed_out`: parts of this reply have reached the caller already.  `stream` read the reply as it arrived, and
  /// is finished; null if the reply was not streamed.
  void accept(Reply reply, bool has_handed_out = false, FieldStream* stream = nullptr);
  /// Why it failed.
  const Error& error() const noexcept { return *error_; }
  /// The request whose reply was accepted, and that reply, with how likely its tokens were; null unless outputs are to
  /// be decided, and before the machine is done.
  const Request* accepted_request() const noexcept { return accepted_ ? &asked_request_ : nullptr; }
  const Completion* accepted_reply() const noexcept { return accepted_ ? &*accepted_ : nullptr; }
  /// `error`, which the LM threw, with the usage of earlier requests added.
  Error with_usage(const Error& error) const;

 private:
  Request request(const Exchange& from, const JsonObject& values, std::span<const Example> history);
  void begin(std::shared_ptr<const Exchange> exchange);
  void accept_draft(Completion& draft);
  void finish(Completion& completion, Reading reading);
  void decline(const Completion& completion);
  void fail(const Unreadable& unreadable, bool is_kept_from_asking);

  Call call_;
  JsonObject inputs_;
  Prediction& prediction_;
  Sampling sampling_;
  JoinedStop stop_;
  std::optional<Chat> prompt_;  ///< Of the first request.

  State state_ = State::ask;
  std::shared_ptr<const Adapter> asked_;
  std::shared_ptr<const Exchange> first_;    ///< Of the adapter; `current_` is its second one where it asks twice.
  std::shared_ptr<const Exchange> current_;  ///< Null while a draft is asked for.
  std::shared_ptr<LM> target_;
  JsonObject draft_;  ///< The inputs of the second request.
  int again_;
  int rewrites_;
  std::optional<Unreadable> complaint_;  ///< The message to the model when asking again.
  std::optional<Request> rewrite_;       ///< The next request, unless it is built again.
  std::optional<Error> error_;
  Request asked_request_;  ///< The last one, where outputs are to be decided.
  std::optional<Completion> accepted_;
};

}  // namespace dspy
