#pragma once

#include "dspy/optimize/kernel/report.hpp"
#include "dspy/optimize/kernel/search.hpp"

#include <concepts>

// Common to all optimizers.  Each has DSPy's name, options and defaults, takes a program and examples, and returns the
// best program that it measured, with a report; the original program is not changed.
//
//     dspy::BootstrapFewShot optimizer({.metric = exact, .max_bootstrapped_demos = 4});
//     auto [program, report] = optimizer.compile(student, {.trainset = train, .valset = held_out});
//
// `docs/guide/optimizers.md` says which one to take when.

namespace dspy {

using optimize::Optimized;
using optimize::SearchOptions;
using optimize::Training;

/// Has `Optimized compile(const Program&, const Training&) const`.
template <class T>
concept Optimizer = requires(const T& optimizer, const Program& student, const Training& training) {
  { optimizer.compile(student, training) } -> std::same_as<Optimized>;
};

}  // namespace dspy
