#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// How the next token is chosen.  What is unset is decided by the LM's own options, then by
/// the model file's recommendation, then by the default named here.
struct Sampling {
  std::optional<int> max_tokens = {};            ///< 512.  At least 1.
  std::optional<double> temperature = {};        ///< 0.7. 0 is greedy.
  std::optional<double> top_p = {};              ///< 0.9.  In (0, 1]; 1 is off.
  std::optional<int> top_k = {};                 ///< 0, which is off.
  std::optional<double> min_p = {};              ///< 0, which is off.
  std::optional<double> repeat_penalty = {};     ///< 1.1.  1 is off.
  std::optional<int> repeat_last_n = {};         ///< 64.  How many tokens the penalties look back on.
  std::optional<double> frequency_penalty = {};  ///< 0.  Taken off a token's score for each time it occurred.
  std::optional<double> presence_penalty = {};   ///< 0.  Taken off once if it occurred.
  std::optional<std::uint64_t> seed = {};        ///< Random.  Equal seeds draw alike from equal scores.
  std::vector<std::string> stop = {};            ///< The reply ends before the first of these.
  /// Off.  Tell for each token of the reply how likely it was, and how likely so many others were (0 to 100).
  std::optional<int> logprobs = {};
  /// Replaces `temperature` while the value of the named output is written, such as 0 for a label next to a text that
  /// may vary.  Only if the model is constrained to the contract.
  std::map<std::string, double> field_temperatures = {};

  /// Each value of `this`, else of `fallback`.
  Sampling over(const Sampling& fallback) const;

  bool operator==(const Sampling&) const = default;
};

/// Throws `Error` (`invalid_parameter`) that names the first value outside its range.
void validate(const Sampling& sampling);

}  // namespace dspy
