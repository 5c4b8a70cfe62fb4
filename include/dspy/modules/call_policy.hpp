#pragma once

#include "dspy/adapters/adapter.hpp"

#include <memory>

namespace dspy {

/// What a call does when a reply cannot be read, or breaks a limit.  Nothing of it is silent:
/// `Prediction::failures` has every reply that was refused, `flags` say `asked_again`, `fallback`
/// or `accepted`, and `usage` counts every request.
struct CallPolicy {
  /// What happens after the last request has failed as well.
  enum class Finally {
    fail,    ///< `Error` (`parse_error`) with what could be read.
    accept,  ///< The prediction has what could be read, and values that break only a limit, each with a flag.
  };

  int ask_again = 1;  ///< How often the model is shown its last reply, and what was wrong with it.  0 is never.
  /// Asked once, with its own prompt, when that did not help.  Null: no other adapter is tried.
  std::shared_ptr<const Adapter> fallback = {};
  Finally finally = Finally::fail;

  bool operator==(const CallPolicy&) const = default;
};

/// Throws `Error` (`invalid_parameter`) if `ask_again` is negative.
void validate(const CallPolicy& policy);

}  // namespace dspy
