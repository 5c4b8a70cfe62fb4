#pragma once

#include "dspy/programs/program.hpp"

#include <string>
#include <string_view>

namespace dspy {

/// Tells a program from any other, and from itself with another model, prompt, sampling or policy: a SHA-256 digest.
/// `source` is the text it was made from, such as its file's, for what is not a predictor's.  Every predictor needs its
/// LM; throws `Error` (`config_error`) otherwise.
std::string program_version(const Program& program, std::string_view source = {});

}  // namespace dspy
