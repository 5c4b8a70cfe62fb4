#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/providers/provider_lm.hpp"

namespace dspy {

/// What a model string such as `openai/gpt-5.4-mini?temperature=0` says, for code that makes the LM itself.  Throws
/// `Error` (`config_error`).
RemoteOptions remote_options(const LMUri& uri);

}  // namespace dspy
