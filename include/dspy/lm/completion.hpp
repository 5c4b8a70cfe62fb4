#pragma once

#include "dspy/lm/message.hpp"
#include "dspy/lm/part.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// How likely a token was among those that could come in its place, before temperature, penalties and bias.
struct TokenLogprob {
  std::string text = {};   ///< Its bytes, which may be part of a character.
  double logprob = 0;      ///< The natural logarithm of its probability; 0 for one that had to come.
  bool forced = false;     ///< It had to come, and the model was not asked.
  std::string field = {};  ///< The output whose value it writes or begins, if the contract distinguishes them.
  /// The likeliest tokens, as many as `Sampling::logprobs` asks for and the contract allows.
  std::vector<std::pair<std::string, double>> top = {};

  bool operator==(const TokenLogprob&) const = default;
};

enum class FinishReason {
  stop,            ///< The model finished, or wrote a stop text.
  length,          ///< `Sampling::max_tokens` or the context was used up.
  tool_calls,      ///< It waits for the results of the tools it called.
  content_filter,  ///< The provider withheld the rest.
  error,           ///< The provider failed on the way.
};

std::string_view to_string(FinishReason reason) noexcept;
/// Throws `Error` (`config_error`) for a name that `to_string` does not give.
FinishReason finish_reason(std::string_view name);

/// A point from which a model can rewrite an output's value (`Request::prefill`): at a token boundary, so it may be
/// before the end of the value's heading.
struct ResumePoint {
  std::string field = {};
  std::size_t offset = 0;  ///< In bytes of `Completion::text`.

  bool operator==(const ResumePoint&) const = default;
};

/// One answer of a model.
struct Completion {
  std::string text = {};       ///< The answer, without the thoughts before it.
  std::string reasoning = {};  ///< The thoughts, if the backend tells them.
  std::vector<ToolCallPart> tool_calls = {};
  std::vector<CitationPart> citations = {};
  FinishReason finish = FinishReason::stop;
  std::vector<TokenLogprob> logprobs = {};     ///< If `Sampling::logprobs` asks for them.
  std::optional<bool> logprobs_complete = {};  ///< Whether there is one for each token; unset if unknown.
  std::optional<DataPart> data = {};           ///< The answer as a value, where the backend gives one.
  std::string refusal = {};                    ///< What a model that declines says.
  /// The answer part by part, where that says more than the members above: several texts, media, continuations.
  std::vector<Part> parts = {};
  /// State of the message as a whole that must go back to the provider (`Part::continuation`).
  Json continuation = {};

  /// Outputs whose values were ended early so that the rest of a constrained reply fitted into `Sampling::max_tokens`
  /// and the context.  An empty name stands for text that belongs to no output.
  std::vector<std::string> closed_early = {};
  /// Outputs whose text was ended because it kept repeating itself.
  std::vector<std::string> loop_ended = {};
  /// Parts of the contract that could not be enforced on the model, with reasons; the reader still checks them.
  std::vector<std::string> unenforced = {};
  /// Set if the model was constrained to a contract that distinguishes outputs.
  std::vector<ResumePoint> resume_points = {};

  /// The probability of the value that the model wrote for an output, given the contract: for a choice, that of the
  /// chosen answer among the allowed ones.  Nothing without log-probabilities of that output.
  std::optional<double> probability(std::string_view field) const;

  bool operator==(const Completion&) const = default;
};

/// The completion that a model's message is.  `Completion::parts` are kept where the other members do not say all.
Completion to_completion(Message message);

/// The message to send back in the next turn.  `to_message(to_completion(message))` is `message`.
Message to_message(const Completion& completion);

}  // namespace dspy
