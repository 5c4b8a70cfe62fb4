#pragma once

#include "dspy/agents/sandbox/wasm_interpreter.hpp"

#include <filesystem>
#include <string>
#include <vector>

// Where the things are that an interpreter in WebAssembly is made of, and the command that starts it.

namespace dspy::sandbox {

/// The folder of Pyodide.  Throws `Error` (`unsupported`) with the places and the remedy where it is in none of them.
std::filesystem::path pyodide_folder(const WasmOptions& options);

/// The program itself, behind links.  Throws `Error` (`unsupported`) with the remedy where there is none.
std::filesystem::path node_program(const WasmOptions& options);

/// The first number of its version: asked once for each program, for the flags that it knows.  Throws `Error`
/// (`unsupported`) for one that is too old.
int node_major(const std::filesystem::path& node);

struct WasmCommand {
  std::filesystem::path node, pyodide;
  int node_major = 20;
  std::string bubblewrap = {};  ///< Empty: nothing is around Node.  Else its filter is in descriptor 3.
  std::string config = {};      ///< For the loader, as JSON.
};

/// Where the loader finds Pyodide.
std::string inner_folder(const WasmCommand& command);

std::vector<std::string> arguments(const WasmCommand& command, const WasmOptions& options);

}  // namespace dspy::sandbox
