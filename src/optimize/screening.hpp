#pragma once

#include "dspy/optimize/kernel/search.hpp"
#include "dspy/signature/example.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace dspy::optimize {

/// Throws `Error` (`invalid_parameter`) for options out of range.
void require_screening(const std::optional<std::size_t>& screen_to, const std::optional<double>& race);

/// Measures those of `candidates` that promise most, at most `screen_to` of them, and stops early those that cannot
/// win, where `race` says so.  One candidate at least was measured before.
void screen_and_race(Search& search, std::vector<std::size_t> candidates, std::span<const Example> examples,
                     const std::optional<std::size_t>& screen_to, const std::optional<double>& race);

}  // namespace dspy::optimize
