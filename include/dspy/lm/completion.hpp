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
  std::string field = {};  ///< The output whose value it writes or begins, where the contract tells them apart.
  /// The likeliest tokens, as many as `Sampling::logprobs` asks for and the contract allows.
  std::vector<std::pair<std::string, double>> top = {};

  bool operator==(const TokenLogprob&) const = default;
};

enum class FinishReason {
  stop,            ///< The model was done, or a stop text came.
  length,          ///< `Sampling::max_tokens` or the context was used up.
  tool_calls,      ///< It waits for the results of the tools it called.
  content_filter,  ///< The provider withheld the rest.
  error,           ///< The provider failed on the way.
};

std::string_view to_string(FinishReason reason) noexcept;
/// Throws `Error` (`config_error`) for a name that `to_string` does not give.
FinishReason finish_reason(std::string_view name);

/// Where a model can go on to write an output's value again (`Request::prefill`): a token begins there, so it may be
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
  std::optional<bool> logprobs_complete = {};  ///< Whether there is one for each token; unset where nobody said so.
  std::optional<DataPart> data = {};           ///< The answer as a value, where the backend gives one.
  std::string refusal = {};                    ///< What a model that declines says.
  /// The answer part by part, where that says more than the members above: several texts, media, continuations.
  std::vector<Part> parts = {};
  /// State of the message as a whole that must go back to the provider (`Part::continuation`).
  Json continuation = {};

  /// Outputs whose values were ended so that the rest of a held reply still fitted into `Sampling::max_tokens` and the
  /// context: the model would have gone on.  Empty for what belongs to no output.
  std::vector<std::string> closed_early = {};
  /// Outputs whose text was ended since it said the same over and over.
  std::vector<std::string> loop_ended = {};
  /// Parts of the contract that the model could not be held to, with reasons; the reader still checks them.
  std::vector<std::string> unenforced = {};
  /// Where the model was held to a contract that tells outputs apart.
  std::vector<ResumePoint> resume_points = {};

  /// The probability with which the model, held to the contract, writes what it wrote as the value of an output: for a
  /// choice, that of the chosen one over the allowed ones.  Nothing without log-probabilities of that output.
  std::optional<double> probability(std::string_view field) const;

  bool operator==(const Completion&) const = default;
};

/// The completion that a model's message is.  `Completion::parts` are kept where the other members do not say all.
Completion to_completion(Message message);

/// The message to send back in the next turn.  `to_message(to_completion(message))` is `message`.
Message to_message(const Completion& completion);

}  // namespace dspy
