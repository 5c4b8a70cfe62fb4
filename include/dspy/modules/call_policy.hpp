#pragma once

#include "dspy/adapters/adapter.hpp"

#include <memory>

namespace dspy {

/// What a call does when a reply cannot be read, or breaks a limit.  Nothing of it is silent:
/// `Prediction::failures` has every reply that was refused, `flags` say `rewritten`, `asked_again`,
/// `fallback` or `accepted`, and `usage` counts every request.
struct CallPolicy {
  /// What happens after the last request has failed as well.
  enum class Finally {
    fail,    ///< `Error` (`parse_error`) with what could be read.
    accept,  ///< The prediction has what could be read, and values that break only a limit, each with a flag.
  };

  /// How often a value that cannot be read or breaks a limit is rewritten, with everything after it, while the reply up
  /// to that value is kept: by a constrained model that can continue from there (`LM::continues`).  Only these tokens
  /// are generated.  The value is sampled at a temperature of at least 0.7, since it must differ.
  int rewrite = 0;
  int ask_again = 1;  ///< How often to ask again, showing the last reply and what was wrong. 0: never.
  /// Asked once, with its own prompt, when that did not help.  Null: no other adapter is tried.
  std::shared_ptr<const Adapter> fallback = {};
  Finally finally = Finally::fail;
  /// Whether there may be another request once a stream has handed out something of the refused reply.
  enum class Streamed {
    keep,       ///< No: delivered text stays, as in Python DSPy, and `finally` applies.
    take_back,  ///< Yes: each field that was handed out is taken back first (`FieldEvent::restart`).
  };
  Streamed streamed = Streamed::keep;

  bool operator==(const CallPolicy&) const = default;
};

/// Throws `Error` (`invalid_parameter`) if `rewrite` or `ask_again` is negative.
void validate(const CallPolicy& policy);

}  // namespace dspy
