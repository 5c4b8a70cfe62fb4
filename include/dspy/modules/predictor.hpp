#pragma once

#include "dspy/adapters/exchange_cache.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/call_policy.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/history.hpp"

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

namespace dspy {

/// What one call may add to what the predictor says.
struct CallOptions {
  History history = {};    ///< Earlier turns of the conversation.
  Sampling sampling = {};  ///< Goes before the predictor's own.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
  std::shared_ptr<Gate> pace = {};  ///< See `Request::pace`; `events` (modules/field_events.hpp) uses it.
};

/// What a call passes on to its inner modules.  A value; everything streamed goes to one sink.
struct Run {
  CallOptions options = {};
  FieldSink sink = {};  ///< Empty unless the call streams.
};

/// How many calls are made together.
struct BatchOptions {
  std::size_t concurrency = 32;  ///< Calls under way at most.  At least 1.
  /// After this many failed calls, no more are started.  Unset: no limit.
  std::optional<std::size_t> max_errors = {};
  /// Calls with common prompt prefixes follow each other (`prefix_order`), regardless of the order of the inputs.
  bool orders_by_prompt = true;
  CallOptions call = {};  ///< For each.
  /// Told how many calls have ended, of how many, after each.
  std::function<void(std::size_t done, std::size_t total)> progress = {};
};

/// A predictor's options, besides its signature.
struct PredictorOptions {
  std::vector<Example> demos = {};
  std::shared_ptr<LM> lm = {};                  ///< Else the one given to `configure`.
  std::shared_ptr<const Adapter> adapter = {};  ///< Else the one given to `configure`.
  Sampling sampling = {};                       ///< Else the LM's own.
  CallPolicy policy = {};                       ///< What to do about replies that cannot be read.
  DecisionsSettings decisions = {};             ///< Outputs that are decided by their probabilities.
};

/// The run-time heart of every module: a signature, demonstrations, and the LM and adapter to
/// use.  `Predict` and `ChainOfThought` are thin skins over it; optimizers rewrite it.
///
/// A value: copies are independent, and cheap since what does not change is shared.  Calls may
/// overlap from any thread; changing one while it runs needs the caller's own lock.
///
/// A call throws `Error`: `bad_input` before anything is asked, `config_error` without an LM,
/// `parse_error` with the partial outputs if no reply can be read and the policy does not accept
/// that, and what the LM throws.
class Predictor {
 public:
  explicit Predictor(std::shared_ptr<const Signature> signature, PredictorOptions options = {});
  explicit Predictor(Signature signature, PredictorOptions options = {});

  /// Asks the LM.  The blocking door of `acall`.
  Prediction operator()(JsonObject inputs, const CallOptions& options = {}) const;
  Async<Prediction> acall(JsonObject inputs, CallOptions options = {}) const;

  /// Like a call, and hands each output field's text to `sink` as it arrives.
  Prediction stream(JsonObject inputs, const FieldSink& sink, const CallOptions& options = {}) const;
  Async<Prediction> astream(JsonObject inputs, FieldSink sink, CallOptions options = {}) const;

  /// Calls the model for each of `inputs` concurrently; the results are in the same order, and a failure does not
  /// affect the others.  A call that was not started has failed with `cancelled`.  Throws `Error` (`invalid_parameter`)
  /// for a concurrency of 0.
  std::vector<std::expected<Prediction, Error>> batch(std::vector<JsonObject> inputs,
                                                      const BatchOptions& options = {}) const;

  /// What the calls above run; for modules that are made of others (modules/run.hpp).  The predictor outlives it.
  Async<Prediction> run(JsonObject inputs, Run how) const;

  /// The messages a call would send: for looking, and for tests.
  Chat render(JsonObject inputs, const CallOptions& options = {}) const;

  const Signature& signature() const noexcept { return *signature_; }
  const std::vector<Example>& demos() const noexcept { return *demos_; }
  const std::shared_ptr<LM>& lm() const noexcept { return lm_; }
  const std::shared_ptr<const Adapter>& adapter() const noexcept { return adapter_; }
  const Sampling& sampling() const noexcept { return sampling_; }
  const CallPolicy& policy() const noexcept { return policy_; }
  const DecisionsSettings& decisions() const noexcept;

  void set_signature(Signature signature);
  void set_demos(std::vector<Example> demos);
  void set_lm(std::shared_ptr<LM> lm) noexcept { lm_ = std::move(lm); }
  void set_adapter(std::shared_ptr<const Adapter> adapter);
  void set_sampling(Sampling sampling) { sampling_ = std::move(sampling); }
  /// Throws `Error` (`invalid_parameter`) for a policy out of range.
  void set_policy(CallPolicy policy);
  /// Has these outputs decided by the probabilities of their answers.  Throws `Error` (`invalid_parameter`) for an
  /// output that is not there or cannot be decided, or settings that do not suit it.
  void set_decisions(DecisionsSettings decisions);
  /// What holds for all calls of the program that this predictor is part of.  See `with_context`.
  void set_context(const CallContext& context) { context_ = std::make_shared<const CallContext>(context); }
  const CallContext* context() const noexcept { return context_.get(); }

 private:
  struct Ready;
  friend struct Batch;

  Ready ready(JsonObject inputs) const;
  Async<void> run_into(Ready call, const CallOptions& options, const FieldSink* sink, Prediction& prediction) const;

  std::shared_ptr<const Signature> signature_;
  std::shared_ptr<const std::vector<Example>> demos_;
  std::shared_ptr<LM> lm_;
  std::shared_ptr<const Adapter> adapter_;
  Sampling sampling_;
  CallPolicy policy_;
  std::shared_ptr<const DecisionsSettings> decisions_;  ///< Null: none.
  std::shared_ptr<const CallContext> context_;
  ExchangeCache exchange_;
};

}  // namespace dspy
