#pragma once

#include <optional>
#include <span>

namespace dspy::optimize {

/// Spearman's, with mean ranks for ties; nothing where one side is all the same, or there are fewer than two.
std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace dspy::optimize
