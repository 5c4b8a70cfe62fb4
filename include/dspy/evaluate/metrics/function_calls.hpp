#pragma once

#include "dspy/base/json.hpp"

#include <cstdint>
#include <string>
#include <vector>

// How well a model calls functions: the rules of the Berkeley Function Calling Leaderboard (BFCL v4, its AST checker
// for Python) and the repeated trials of tau-bench.

namespace dspy {

/// A call that a model made.
struct CalledFunction {
  std::string name = {};
  JsonObject arguments = {};
};

/// What a checker found.
struct CallsVerdict {
  bool is_right = false;
  /// `count`, `name`, `missing`, `unexpected`, `type`, `value`; empty if all is right.
  std::string rule = {};
  std::string message = {};
};

/// Checks calls against a row of BFCL.  `functions` are its `function`s, with types as BFCL writes them (`dict`,
/// `float`, `tuple`); `truth` is its `ground_truth`: one object for each call, which names the function and gives a
/// list of accepted values for each argument, where `""` says that it may be left out.  Several calls may come in any
/// order. An empty `truth` is right if nothing was called.  Throws `Error` (`bad_input`) for a row that is none.
CallsVerdict check_calls(const JsonArray& functions, const JsonArray& truth, const std::vector<CalledFunction>& calls);

/// The probability that `k` trials chosen from `n`, of which `c` succeeded, all succeed: tau-bench's pass^k (Yao and
/// others, 2024).  Throws `Error` (`invalid_parameter`) unless `c <= n` and `1 <= k <= n`.
double pass_hat_k(std::uint64_t n, std::uint64_t c, std::uint64_t k);
/// The chance that at least one of `k` succeeds: pass@k (Chen and others, 2021).
double pass_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k);

}  // namespace dspy
