#pragma once

#include "dspy/modules/typed.hpp"

#include <concepts>
#include <string_view>
#include <utility>

namespace dspy {

/// Stands for a signature that is known at run time only.
struct Dynamic {};

/// The basic module: asks for the outputs of a signature.
///
///     dspy::Predict<Triage> triage;                        // from a struct: typed both ways
///     auto out = triage({.ticket = "…"});                  // out.priority is an enum
///     dspy::Predict quick("question -> answer: float");    // from text: JSON both ways
///     auto sum = quick({{"question", "2+2?"}}).at("answer").as_double();
template <class S = Dynamic>
class Predict : public TypedModule<S, typename S::Output> {
 public:
  explicit Predict(PredictorOptions options = {})
      : TypedModule<S, typename S::Output>(shared_signature_of<S>(), std::move(options)) {}
};

template <>
class Predict<Dynamic> : public Predictor {
 public:
  explicit Predict(std::string_view notation, PredictorOptions options = {})
      : Predictor(Signature::parse(notation), std::move(options)) {}
  explicit Predict(Signature signature, PredictorOptions options = {})
      : Predictor(std::move(signature), std::move(options)) {}
};

template <std::convertible_to<std::string_view> Text>
Predict(const Text&, PredictorOptions = {}) -> Predict<Dynamic>;
Predict(Signature, PredictorOptions = {}) -> Predict<Dynamic>;

}  // namespace dspy
