#pragma once

#include <string_view>

namespace dspy::sandbox {

/// The Python program that runs code: src/agents/sandbox/runner.py.
extern const std::string_view runner;

}  // namespace dspy::sandbox
