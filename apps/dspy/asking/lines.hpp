#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <functional>
#include <istream>

namespace dspy::app {

using LineAnswer = std::function<JsonObject(const JsonObject& line)>;

/// Answers each line of `in` with one line of JSON on standard output, in order, as soon as it is
/// known; a line that cannot be answered gets `{"error": …}`.  Up to `jobs` lines are answered at
/// once, each on a thread of its own, so `answer` must be safe for that.
void answer_lines(std::istream& in, const LineAnswer& answer, std::size_t jobs = 1);

}  // namespace dspy::app
