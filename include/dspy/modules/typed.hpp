#pragma once

#include "dspy/modules/predictor.hpp"
#include "dspy/signature/reflect.hpp"

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

/// A typed module's answer: the user's own `Output`, with its metadata.
template <class Output>
class Typed : public Output {
 public:
  Typed(Output output, Prediction prediction) : Output(std::move(output)), prediction_(std::move(prediction)) {}

  /// Exact token counts of the call.
  const Usage& usage() const noexcept { return prediction_.lm_usage; }
  /// The same answer as values by name, with flags and the model's own words.
  const Prediction& prediction() const noexcept { return prediction_; }

 private:
  Prediction prediction_;
};

/// An output with the thoughts that led to it.
template <class Output>
struct Reasoned : Output {
  std::string reasoning;
};

namespace detail {

template <class Output>
struct ReadOutput {
  static Output from(const JsonObject& values) { return from_values<Output>(values); }
};

template <class Output>
struct ReadOutput<Reasoned<Output>> {
  static Reasoned<Output> from(const JsonObject& values) {
    Reasoned<Output> result{ReadOutput<Output>::from(values), {}};
    // A policy may accept a reply without it.
    if (const auto* const text = values.if_contains("reasoning")) result.reasoning = view(text->as_string());
    return result;
  }
};

}  // namespace detail

/// The typed skin over a `Predictor`: `S::Input` in, `Result` out.  What `Predict<S>` and
/// `ChainOfThought<S>` have in common; see `Predictor` for threads, errors and copying.
template <class S, class Result>
class TypedModule {
 public:
  using Input = typename S::Input;
  using Output = Typed<Result>;

  Output operator()(const Input& input, const CallOptions& options = {}) const {
    return typed(predictor_(to_values(input), options));
  }
  Async<Output> acall(Input input, CallOptions options = {}) const {
    return finish(predictor_.acall(to_values(input), std::move(options)));
  }

  /// Like a call, and hands each output field's text to `sink` as it arrives.
  Output stream(const Input& input, const FieldSink& sink, const CallOptions& options = {}) const {
    return typed(predictor_.stream(to_values(input), sink, options));
  }
  Async<Output> astream(Input input, FieldSink sink, CallOptions options = {}) const {
    return finish(predictor_.astream(to_values(input), std::move(sink), std::move(options)));
  }

  /// What the calls above run; for modules that are made of others (modules/run.hpp).  The module outlives it.
  Async<Output> run(Input input, Run how) const {
    co_return typed(co_await predictor_.run(to_values(input), std::move(how)));
  }

  /// Asks about each of `inputs`, many at once; see `Predictor::batch`.
  std::vector<std::expected<Output, Error>> batch(std::span<const Input> inputs,
                                                  const BatchOptions& options = {}) const {
    std::vector<JsonObject> values;
    values.reserve(inputs.size());
    for (const auto& input : inputs) values.push_back(to_values(input));
    std::vector<std::expected<Output, Error>> out;
    out.reserve(inputs.size());
    for (auto& each : predictor_.batch(std::move(values), options))
      out.push_back(std::move(each).and_then([](Prediction prediction) {
        return attempt([&] { return typed(std::move(prediction)); });  // what one cannot be converted to ends no other
      }));
    return out;
  }

  /// The messages a call would send.
  Chat render(const Input& input, const CallOptions& options = {}) const {
    return predictor_.render(to_values(input), options);
  }

  Predictor& predictor() noexcept { return predictor_; }
  const Predictor& predictor() const noexcept { return predictor_; }

  /// The input as values by name, as demonstrations and `History` hold it.
  static JsonObject to_values(const Input& input) { return dspy::to_values(input); }

 protected:
  TypedModule(std::shared_ptr<const Signature> signature, PredictorOptions options)
      : predictor_(std::move(signature), std::move(options)) {}

 private:
  static Output typed(Prediction prediction) {
    auto output = detail::ReadOutput<Result>::from(prediction.data);
    return {std::move(output), std::move(prediction)};
  }
  static Async<Output> finish(Async<Prediction> call) { co_return typed(co_await std::move(call)); }

  Predictor predictor_;
};

}  // namespace dspy
