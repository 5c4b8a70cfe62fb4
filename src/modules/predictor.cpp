#include "dspy/modules/predictor.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/configure.hpp"
#include "modules/call.hpp"
#include "modules/ready_call.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

std::shared_ptr<const std::vector<Example>> shared_demos(std::vector<Example> demos) {
  static const auto none = std::make_shared<const std::vector<Example>>();
  if (demos.empty()) return none;
  return std::make_shared<const std::vector<Example>>(std::move(demos));
}

std::shared_ptr<const Signature> checked(std::shared_ptr<const Signature> signature) {
  if (!signature) throw Error(Errc::signature_error, "a predictor needs a signature: none was given");
  validate(*signature);
  return signature;
}

void validate(const DecisionsSettings& decisions, const Signature& signature) {
  for (const auto& [name, settings] : decisions) {
    const auto field = std::ranges::find(signature.outputs, name, &Field::name);
    if (field == signature.outputs.end())
      throw Error(Errc::invalid_parameter, std::format("there is no output `{}` to decide", name));
    validate(settings, decision_space(*field, settings.is_scale));
  }
}

}  // namespace

Predictor::Predictor(std::shared_ptr<const Signature> signature, PredictorOptions options)
    : signature_(checked(std::move(signature))),
      demos_(shared_demos(std::move(options.demos))),
      lm_(std::move(options.lm)),
      adapter_(std::move(options.adapter)),
      sampling_(std::move(options.sampling)),
      policy_(std::move(options.policy)) {
  validate(sampling_);
  validate(policy_);
  if (!options.decisions.empty()) set_decisions(std::move(options.decisions));
}

Predictor::Predictor(Signature signature, PredictorOptions options)
    : Predictor(std::make_shared<const Signature>(std::move(signature)), std::move(options)) {}

Predictor::Ready Predictor::ready(JsonObject inputs) const {
  Ready call{.inputs = checked_inputs(*signature_, std::move(inputs)), .lm = lm_, .adapter = adapter_};
  if (!call.lm || !call.adapter) {
    auto defaults = settings();
    if (!call.lm) call.lm = std::move(defaults.lm);
    if (!call.adapter) call.adapter = std::move(defaults.adapter);
  }
  call.exchange = exchange_.get(call.adapter, signature_, *demos_);
  return call;
}

Async<void> Predictor::run_into(Ready call, const CallOptions& options, const FieldSink* sink,
                                Prediction& prediction) const {
  if (!call.lm) {
    throw Error(Errc::config_error,
                "no language model to ask: give the predictor one, or configure one for all, such as "
                "\"llama:MODEL.gguf\"");
  }
  return run_call({.lm = std::move(call.lm),
                   .adapter = std::move(call.adapter),
                   .exchange = std::move(call.exchange),
                   .signature = signature_,
                   .demos = *demos_,
                   .sampling = sampling_,
                   .policy = policy_,
                   .decisions = decisions_.get(),
                   .options = options,
                   .context = context_.get(),
                   .sink = sink},
                  std::move(call.inputs), prediction, std::move(call.prompt));
}

Prediction Predictor::operator()(JsonObject inputs, const CallOptions& options) const {
  Prediction prediction;
  wait(run_into(ready(std::move(inputs)), options, nullptr, prediction));
  return prediction;
}

Async<Prediction> Predictor::run(JsonObject inputs, Run how) const {
  Prediction prediction;
  co_await run_into(ready(std::move(inputs)), how.options, how.sink ? &how.sink : nullptr, prediction);
  co_return prediction;
}

// The coroutines that a caller may keep hold a copy of the predictor and everything they were
// given, so that nothing has to outlive them.

Async<Prediction> Predictor::acall(JsonObject inputs, CallOptions options) const {
  return [](Predictor self, JsonObject values, CallOptions kept) -> Async<Prediction> {
    Prediction prediction;
    co_await self.run_into(self.ready(std::move(values)), kept, nullptr, prediction);
    co_return prediction;
  }(*this, std::move(inputs), std::move(options));
}

Prediction Predictor::stream(JsonObject inputs, const FieldSink& sink, const CallOptions& options) const {
  Prediction prediction;
  wait(run_into(ready(std::move(inputs)), options, &sink, prediction));
  return prediction;
}

Async<Prediction> Predictor::astream(JsonObject inputs, FieldSink sink, CallOptions options) const {
  return [](Predictor self, JsonObject values, FieldSink out, CallOptions kept) -> Async<Prediction> {
    Prediction prediction;
    co_await self.run_into(self.ready(std::move(values)), kept, &out, prediction);
    co_return prediction;
  }(*this, std::move(inputs), std::move(sink), std::move(options));
}

Chat Predictor::render(JsonObject inputs, const CallOptions& options) const {
  const auto call = ready(std::move(inputs));
  return call.exchange->format(call.inputs, options.history.turns);
}

void Predictor::set_signature(Signature signature) {
  auto changed = checked(std::make_shared<const Signature>(std::move(signature)));
  if (decisions_) validate(*decisions_, *changed);
  signature_ = std::move(changed);
  exchange_.clear();
}

const DecisionsSettings& Predictor::decisions() const noexcept {
  static const DecisionsSettings none;
  return decisions_ ? *decisions_ : none;
}

void Predictor::set_decisions(DecisionsSettings decisions) {
  validate(decisions, *signature_);
  decisions_ = decisions.empty() ? nullptr : std::make_shared<const DecisionsSettings>(std::move(decisions));
}

void Predictor::set_demos(std::vector<Example> demos) {
  demos_ = shared_demos(std::move(demos));
  exchange_.clear();
}

void Predictor::set_adapter(std::shared_ptr<const Adapter> adapter) {
  adapter_ = std::move(adapter);
  exchange_.clear();
}

void Predictor::set_policy(CallPolicy policy) {
  validate(policy);
  policy_ = std::move(policy);
}

}  // namespace dspy
