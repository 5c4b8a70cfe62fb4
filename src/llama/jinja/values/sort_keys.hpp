#pragma once

#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <string_view>

// What filters sort, group and choose items by.

namespace dspy::llama::jinja {

/// `a.b.0` of `object`.
Value path_of(Work& work, Value object, std::string_view path);
/// What values are sorted and compared by: texts without their case, unless `is_exact`.
Value key_of(const Value& value, bool is_exact);
/// Throws `Error` (`config_error`) where the two have no order.
bool before(const Work& work, const Value& a, const Value& b);

}  // namespace dspy::llama::jinja
