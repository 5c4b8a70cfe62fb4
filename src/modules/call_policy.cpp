#include "dspy/modules/call_policy.hpp"

#include "dspy/base/error.hpp"

#include <format>

namespace dspy {

void validate(const CallPolicy& policy) {
  if (policy.rewrite < 0)
    throw Error(
        Errc::invalid_parameter,
        std::format("`rewrite` is {}; use 0 to rewrite nothing, or the most times to rewrite a value", policy.rewrite));
  if (policy.ask_again >= 0) return;
  throw Error(
      Errc::invalid_parameter,
      std::format("`ask_again` is {}; use 0 to fail immediately, or the number of further requests", policy.ask_again));
}

}  // namespace dspy
