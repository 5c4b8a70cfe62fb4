#pragma once

#include "dspy/lm/message.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace dspy {

/// The order in which to ask a model that remembers prompts, as indices into `prompts`: neighbours have the longest
/// beginnings in common, so what one has computed is still there for the next, also where only few prompts are
/// remembered.  Equal prompts keep their order.
///
/// Sorts the conversations as sequences of characters, which is the order of a walk through the tree of their
/// beginnings.  O(n log n) comparisons; conversations that share a `Chat::prefix` compare only what follows it.
std::vector<std::size_t> prefix_order(std::span<const Chat> prompts);

}  // namespace dspy
