#pragma once

#include <string_view>

namespace dspy::sandbox {

/// The Python program that runs code in a process: src/agents/sandbox/runner.py and runner_code.py.
extern const std::string_view runner;
/// The one that runs it in WebAssembly (runner_wasm.py and runner_code.py), and the JavaScript around it
/// (runner_wasm.mjs).
extern const std::string_view wasm_runner, wasm_loader;

}  // namespace dspy::sandbox
