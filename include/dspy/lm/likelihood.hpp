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

/// What an LM is too if it can tell how likely it is to write a given reply: nothing is written, so that this costs one
/// reading of the prompt.  `LlamaLM` is; for others ask `dynamic_cast<LikelihoodLM*>`.
class LikelihoodLM {
 public:
  virtual ~LikelihoodLM() = default;

  /// Contract, tools and sampling of the request are not looked at.  Throws what `LM::complete` throws, and `Error`
  /// (`invalid_parameter`) for an empty reply.  Thread-safe; what it returns may be awaited after the LM is gone.
  virtual Async<ReplyLikelihood> likelihood(Request request, std::string reply) = 0;
};

}  // namespace dspy
