#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/lm/middleware/cache.hpp"

#include <cstddef>
#include <istream>
#include <memory>

namespace dspy {

/// What became of the requests in a trace.
struct Warmed {
  std::size_t kept = 0;
  std::size_t known = 0;     ///< The cache had them already.
  std::size_t left_out = 0;  ///< Of another model, failed, cut, redacted, or without their content.

  bool operator==(const Warmed&) const = default;
};

/// Puts the replies in a trace (the lines of `JsonlTrace`) into a cache, for requests that will be made to `lm`: the LM
/// that is asked through the cache, or the one around which the cache is.  Nothing is asked.
Warmed warm_cache(std::shared_ptr<Cache> cache, const LM& lm, std::istream& trace);

}  // namespace dspy
