#pragma once

#include "dspy/optimize/kernel/search.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dspy::optimize {

std::vector<double> scores_of(std::span<const Outcome> outcomes);
/// The metric's aims of each; nothing for an example that failed.
std::vector<std::optional<std::map<std::string, double>>> objectives_of(std::span<const Outcome> outcomes);

/// What a program is worth, measured by some of its runs.
struct Worth {
  double score = 0, value = 0, seconds = 0;
  std::optional<double> tokens = 0;
};

/// Throws `Error` (`unsupported`) if runs have a price by tokens and the model does not count them.
Worth worth_of(std::span<const Outcome> outcomes, const SearchOptions::Price& price);

}  // namespace dspy::optimize
