#pragma once

// Which URIs `dspy::lm`, `dspy::embedder` and `dspy::reranker` understand: every part of the library that makes models
// from a name registers its schemes here.  Included by dspy.hpp; a part that was not built is left out.

#ifndef DSPY_WITHOUT_LLAMA
#include "dspy/llama/llama_embedder.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/lm/lm.hpp"
#endif

namespace dspy::detail {

#ifndef DSPY_WITHOUT_LLAMA
inline const bool llama_schemes = register_lm_scheme("llama", &llama::lm_from_uri) &&
                                  register_embedder_scheme("llama", &llama::embedder_from_uri) &&
                                  register_reranker_scheme("llama", &llama::reranker_from_uri);
#endif

}  // namespace dspy::detail
