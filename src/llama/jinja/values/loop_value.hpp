#pragma once

#include "llama/jinja/values/value.hpp"

#include <cstddef>
#include <memory>

namespace dspy::llama::jinja {

/// `loop` of the item at `index`; `last` is what `loop.changed` was last called with, for the whole loop.
Value loop_value(const List& items, std::size_t index, const std::shared_ptr<List>& last);

}  // namespace dspy::llama::jinja
