#pragma once

#include "dspy/modules/predict.hpp"

#include <concepts>
#include <memory>
#include <string_view>
#include <utility>

namespace dspy {

/// A copy of `signature` that asks for a `reasoning` before the other outputs.  Throws `Error`
/// (`signature_error`) if it has a field of that name.
Signature with_reasoning(const Signature& signature);

/// Lets the model think in words before it answers: `Predict` with a first output `reasoning`.
///
///     dspy::ChainOfThought<AnswerQuestion> answer;
///     auto out = answer({.question = "…"});   // out.reasoning, out.answer
template <class S = Dynamic>
class ChainOfThought : public TypedModule<S, Reasoned<typename S::Output>> {
 public:
  explicit ChainOfThought(PredictorOptions options = {})
      : TypedModule<S, Reasoned<typename S::Output>>(reasoned_signature(), std::move(options)) {}

  static constexpr std::string_view predictor_name = "predict";  ///< As in DSPy: `draft.predict`.

 private:
  static std::shared_ptr<const Signature> reasoned_signature() {
    static const auto signature = std::make_shared<const Signature>(with_reasoning(*shared_signature_of<S>()));
    return signature;
  }
};

template <>
class ChainOfThought<Dynamic> : public Predictor {
 public:
  explicit ChainOfThought(std::string_view notation, PredictorOptions options = {})
      : ChainOfThought(Signature::parse(notation), std::move(options)) {}
  explicit ChainOfThought(const Signature& signature, PredictorOptions options = {})
      : Predictor(with_reasoning(signature), std::move(options)) {}

  static constexpr std::string_view predictor_name = "predict";
};

template <std::convertible_to<std::string_view> Text>
ChainOfThought(const Text&, PredictorOptions = {}) -> ChainOfThought<Dynamic>;
ChainOfThought(Signature, PredictorOptions = {}) -> ChainOfThought<Dynamic>;

}  // namespace dspy
