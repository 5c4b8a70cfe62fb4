#include "dspy/modules/multi_chain_comparison.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

std::string attempt_name(std::size_t number) {
  return std::format("reasoning_attempt_{}", number);
}

Signature comparing(Signature signature, int attempts) {
  if (attempts < 1)
    throw Error(Errc::invalid_parameter, std::format("{} attempts cannot be compared; give at least 1", attempts));
  validate(signature);
  for (int i = 1; i <= attempts; ++i) {
    auto field = make_field(attempt_name(static_cast<std::size_t>(i)), {}, "An earlier attempt at the answer.");
    field.label = std::format("Student Attempt #{}", i);
    signature = signature.append(Direction::input, std::move(field));
  }
  auto rationale = make_field("rationale", {}, "What the attempts get right and wrong, and what follows from it.");
  rationale.label = "Accurate Reasoning";
  return signature.prepend(Direction::output, std::move(rationale));
}

PredictorOptions lively(PredictorOptions options) {
  options.sampling = options.sampling.over({.temperature = 0.7});
  return options;
}

/// The first line of a value's text.
std::string first_line(const Json& value) {
  const std::string text = value.is_string() ? std::string(view(value.get_string()))
                           : value.is_null() ? std::string("None")
                                             : to_text(value);
  const auto trimmed = text::trim(text);
  return std::string(text::trim(trimmed.substr(0, trimmed.find('\n'))));
}

std::string described(const JsonObject& completion, std::string_view last, std::size_t number) {
  const auto* rationale = completion.if_contains("rationale");
  if (rationale == nullptr) rationale = completion.if_contains("reasoning");
  const auto* const answer = completion.if_contains(last);
  if (rationale == nullptr || answer == nullptr) {
    throw Error(Errc::bad_input, std::format("attempt {} has no {}; each needs a `rationale` or `reasoning`, and `{}`",
                                             number, answer == nullptr ? "answer" : "reasoning", last));
  }
  return std::format("Reasoning: {} Proposed answer, not certain: {}", first_line(*rationale), first_line(*answer));
}

}  // namespace

MultiChainComparison::MultiChainComparison(const Signature& signature, int attempts, PredictorOptions options)
    : compare_(comparing(signature, attempts), lively(std::move(options))),
      last_(signature.outputs.back().name),
      attempts_(static_cast<std::size_t>(attempts)) {}

Async<Prediction> MultiChainComparison::run(ChainAttempts attempts, Run how) const {
  if (attempts.completions.size() != attempts_) {
    throw Error(Errc::bad_input, std::format("{} attempts were given where {} are compared; give as many",
                                             attempts.completions.size(), attempts_));
  }
  auto inputs = std::move(attempts.inputs);
  for (std::size_t i = 0; i < attempts_; ++i)
    inputs[attempt_name(i + 1)] = described(attempts.completions[i], last_, i + 1);
  return compare_.run(std::move(inputs), std::move(how));
}

}  // namespace dspy
