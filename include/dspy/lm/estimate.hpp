#pragma once

#include "dspy/lm/request.hpp"

#include <cstdint>

// How many tokens a request may take, before a tokenizer has seen it.

namespace dspy {

/// The bytes of everything that a model reads: messages, tools, schema, prefill.  Media count as nothing here.
std::uint64_t text_bytes(const Request& request);

/// About as many tokens as the prompt has: four bytes of text a token, a few for each message, 1,600 for each picture,
/// recording or file.
std::uint64_t likely_prompt_tokens(const Request& request);

/// An upper bound on the prompt's tokens: one per byte.  For media, for which no bound is known, 16,000 each.
std::uint64_t most_prompt_tokens(const Request& request);

/// What all replies to it may have together, where one has no `max_tokens` at most `assumed` tokens.
std::uint64_t most_completion_tokens(const Request& request, std::uint64_t assumed);

}  // namespace dspy
