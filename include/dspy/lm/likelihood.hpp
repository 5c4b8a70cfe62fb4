#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/request.hpp"

#include <cstddef>
#include <string>

namespace dspy {

/// How likely a model finds a reply that it did not write.
struct ReplyLikelihood {
  double logprob = 0;      ///< Natural logarithm, of the whole reply: the sum of its tokens'.
  std::size_t tokens = 0;  ///< Of the reply.
  Usage usage = {};
};

/// Implemented by LMs that can compute the likelihood of a given reply; nothing is generated, so the cost is one
/// prefill of the prompt.  `LlamaLM` does; for others use `dynamic_cast<LikelihoodLM*>`.
class LikelihoodLM {
 public:
  virtual ~LikelihoodLM() = default;

  /// Contract, tools and sampling of the request are ignored.  Throws what `LM::complete` throws, and `Error`
  /// (`invalid_parameter`) for an empty reply.  Thread-safe; the result may be awaited after the LM is destroyed.
  virtual Async<ReplyLikelihood> likelihood(Request request, std::string reply) = 0;
};

}  // namespace dspy
