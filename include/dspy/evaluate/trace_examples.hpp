#pragma once

#include "dspy/signature/example.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace dspy {

/// What a program was asked and answered, from a file of `JsonlTrace`, as examples to correct, label or optimize on:
/// the successful calls of the predictor at `path`; without one, the runs of the program, or if there are none the
/// calls of its only predictor.  Of equal inputs the latest.  A last line that was cut is left out.
///
/// Throws `Error`: `io_error` if the file cannot be read; `bad_input` if a line is not a span, if no predictor has that
/// `path`, or if there are several predictors and no `path` is given.
std::vector<Example> examples_from_trace(const std::filesystem::path& file, const std::string& path = {});

}  // namespace dspy
