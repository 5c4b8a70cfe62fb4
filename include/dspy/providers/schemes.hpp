#pragma once

#include "dspy/lm/embedder.hpp"
#include "dspy/lm/lm.hpp"

#include <memory>

namespace dspy {

/// A model from a string such as `openai/gpt-5.4-mini?temperature=0`.  `RemoteOptions` documents the options after the
/// question mark.  Throws `Error` (`config_error`, `authentication_failed`).
std::shared_ptr<LM> lm_from_model_string(const LMUri& uri);

/// Teaches `lm`, and `embedder` and `reranker`, the providers' names.  Both return true.
bool register_providers();
bool register_remote_embedders();

}  // namespace dspy
