#pragma once

#include "dspy/base/usage.hpp"
#include "dspy/lm/completion.hpp"
#include "providers/protocol.hpp"

#include <string>
#include <string_view>
#include <vector>

// What Chat Completions and Responses have in common.

namespace dspy::providers::openai {

/// What of a model at OpenAI (or Azure) bears on how it is asked.
struct ModelTraits {
  bool reasons = false;         ///< Takes no temperature, no penalties and no log-probabilities.
  bool takes_no_effort = true;  ///< `none` is an effort.
};

ModelTraits traits_of(const Dialect& dialect, std::string_view model, const ReasoningOptions& reasoning);

/// The effort in the provider's words, and a note if it is another one than asked for; empty if none is to be sent.
std::string effort_of(const ReasoningOptions& reasoning, const Dialect& dialect, std::string_view model, Notes& notes);

JsonArray messages_of(const Chat& messages, const Dialect& dialect, Notes& notes);
/// The input items of Responses.
JsonArray items_of(const Chat& messages, const Dialect& dialect, Notes& notes);

/// What both requests say alike: temperature, user, service tier, records, cache.
void write_common(JsonObject& body, const Request& request, const Target& target, const ModelTraits& traits,
                  Notes& notes);

Usage chat_usage(const JsonObject& usage);
Usage responses_usage(const JsonObject& usage);

/// Log-probabilities as both APIs write them.
std::vector<TokenLogprob> logprobs_of(const JsonArray& tokens);
/// Sets them, and whether they are of all of the text.
void set_logprobs(Completion& completion, const JsonArray& tokens);

}  // namespace dspy::providers::openai
