#pragma once

#include "dspy/lm/message.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/usage.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// How the next token is chosen.  What is unset is decided by the LM's own options, then by
/// the model file's recommendation, then by the default named here.
struct Sampling {
  std::optional<int> max_tokens = {};         ///< 512.  At least 1.
  std::optional<double> temperature = {};     ///< 0.7.  0 always takes the likeliest token.
  std::optional<double> top_p = {};           ///< 0.9.  In (0, 1]; 1 is off.
  std::optional<int> top_k = {};              ///< 0, which is off.
  std::optional<double> min_p = {};           ///< 0, which is off.
  std::optional<double> repeat_penalty = {};  ///< 1.1.  1 is off.
  std::optional<int> repeat_last_n = {};      ///< 64.  How many tokens the penalty looks back on.
  std::optional<std::uint64_t> seed = {};     ///< Random.  Equal seeds draw alike from equal scores.
  std::vector<std::string> stop = {};         ///< The reply ends before the first of these.
  /// Off.  Tell for each token of the reply how likely it was, and how likely so many others were (0 to 100).
  std::optional<int> logprobs = {};
  /// Instead of `temperature` while the value of an output of that name is written, such as 0 for a label beside a
  /// text that may vary.  Where a model is held to the contract.
  std::map<std::string, double> field_temperatures = {};

  /// Each value of `this`, else of `fallback`.
  Sampling over(const Sampling& fallback) const;

  bool operator==(const Sampling&) const = default;
};

/// Throws `Error` (`invalid_parameter`) that names the first value outside its range.
void validate(const Sampling& sampling);

/// What the reply must look like, for engines that can hold a model to it and providers that
/// have structured output.  Adapters say how they will read it: `signature` names the outputs,
/// `form` how they are written down.  Without a signature, `choices` or `grammar` say it all:
///
///     Request{.messages = chat, .contract = {.form = OutputContract::Form::choices, .choices = {"yes", "no"}}}
struct OutputContract {
  enum class Form {
    text,     ///< Anything.
    fields,   ///< `Label: value` lines.
    markers,  ///< `[[ ## name ## ]]` sections.
    json,     ///< A JSON object.
    xml,      ///< `<name>` elements.
    choices,  ///< One of `choices`.
    regex,    ///< A text that all of the regular expression `grammar` matches.
    schema,   ///< JSON of the JSON Schema whose text is `grammar`.
    gbnf,     ///< A text of `grammar`, in the notation of llama.cpp, from its rule `root`.
  };

  Form form = Form::text;
  std::shared_ptr<const Signature> signature = {};
  std::vector<std::string> choices = {};
  std::string grammar = {};
  /// Of elements: text stands between their tags letter by letter, without entities, and an element that closes itself
  /// is null, as DSPy 3.5 writes them.
  bool literal_text = false;
  /// The model may think between `<think>` and `</think>` first; readers skip that.
  bool may_think = false;
};

struct Request {
  Chat messages = {};
  Sampling sampling = {};
  OutputContract contract = {};
  /// The reply begins with this, and the model goes on: for writing a value again with what stands before it kept.
  /// Only for an LM that `continues()`; others take no notice.
  std::string begins_with = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};  ///< Asked to stop, the call ends within one step with `cancelled`.
};

/// How likely a token was among those that could come in its place, before temperature, penalties and bias.
struct TokenLogprob {
  std::string text = {};   ///< Its bytes, which may be part of a character.
  double logprob = 0;      ///< The natural logarithm of its probability; 0 for one that had to come.
  bool forced = false;     ///< It had to come, and the model was not asked.
  std::string field = {};  ///< The output whose value it writes or begins, where the contract tells them apart.
  /// The likeliest tokens, as many as `Sampling::logprobs` asks for and the contract allows.
  std::vector<std::pair<std::string, double>> top = {};
};

enum class FinishReason { stop, length };

std::string_view to_string(FinishReason reason) noexcept;

struct Reply {
  std::string text = {};
  Usage usage = {};
  FinishReason finish = FinishReason::stop;
  std::vector<TokenLogprob> logprobs = {};  ///< If `Sampling::logprobs` asks for them.
  /// Outputs whose values were ended so that the rest of a held reply still fitted into `Sampling::max_tokens` and the
  /// context: the model would have gone on.  Empty for what belongs to no output.
  std::vector<std::string> closed_early = {};
  /// Outputs whose text was ended since it said the same over and over.
  std::vector<std::string> loop_ended = {};
  /// Parts of the contract that the model could not be held to, with reasons; the reader still checks them.
  std::vector<std::string> unheld = {};

  /// From where a model can go on to write an output's value anew (`Request::begins_with`), in bytes of `text`: a token
  /// begins there, so it may be before the end of the value's heading.  Where the model was held to a contract that
  /// tells outputs apart.
  std::vector<std::pair<std::string, std::size_t>> resume_points = {};

  /// The probability with which the model, held to the contract, writes what it wrote as the value of an output: for a
  /// choice, that of the chosen one over the allowed ones.  Nothing without log-probabilities of that output.
  std::optional<double> probability(std::string_view field) const;
};

/// A piece of a reply as it is written.
struct StreamEvent {
  enum class Kind {
    prompt_done,  ///< The prompt is read; `usage` counts its tokens.
    text,         ///< `text` continues the reply: whole UTF-8 characters.
  };

  Kind kind = Kind::text;
  std::string_view text = {};  ///< Valid during the call only.
  Usage usage = {};            ///< So far.
};

/// Receives a stream's events in order, never two at a time.
using EventSink = std::function<void(const StreamEvent& event)>;

}  // namespace dspy
