#pragma once

#include "dspy/agents/sandbox/interpreter.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

struct WasmOptions {
  /// What stands around WebAssembly and Node's permissions.
  enum class Around {
    bubblewrap_where_installed,
    bubblewrap,  ///< Else no code is run.
    nothing,
  };

  // Behaviour
  std::string node = "node";  ///< Node 20 or newer; looked for on PATH, unless it has a slash.
  /// The folder of the npm package `pyodide`.  Else the variable DSPY_PYODIDE, or `node_modules/pyodide` of the current
  /// folder, of those above it, and of the system.
  std::string pyodide = {};
  Around around = Around::bubblewrap_where_installed;
  /// Starting Python takes seconds, so an image of its memory is kept (30 MB) and later starts begin with it.
  bool keeps_image = true;
  std::string image_folder = {};  ///< Else `dspy` of XDG_CACHE_HOME or of `~/.cache`.

  // Limits
  /// Of Python's.  Its files and what Node needs may take 640 MiB more.
  std::uint64_t memory_bytes = std::uint64_t{512} << 20;
  std::uint64_t cpu_seconds = 600;                      ///< Of the interpreter's life.
  std::size_t output_letters = std::size_t{256} << 10;  ///< Of an execution, kept.
  std::size_t message_bytes = std::size_t{16} << 20;    ///< Of a value that comes out; a longer one is a crash.
  std::chrono::milliseconds start_limit{60'000};
  /// How long interrupted code may take to stop, before the interpreter is killed.
  std::chrono::milliseconds grace{500};
};

/// Python in WebAssembly (Pyodide, in Node): its files are in memory, and it has no sockets and no processes.  Around
/// it are Node's permissions, and bubblewrap with a seccomp filter.  Python's standard library is there, other packages
/// are not.  docs/guide/security.md says what that does and does not prevent.
///
/// Starts with the first execution, and again after a crash.  `prepare` starts it in advance.
class WasmInterpreter final : public Interpreter {
 public:
  explicit WasmInterpreter(std::vector<HostFunction> functions = {}, WasmOptions options = {});
  struct Session;
  WasmInterpreter(std::in_place_t, std::shared_ptr<Session> session) noexcept;  ///< As the factory makes it.
  ~WasmInterpreter() override;
  WasmInterpreter(const WasmInterpreter&) = delete;
  WasmInterpreter& operator=(const WasmInterpreter&) = delete;

  Async<Execution> execute(ExecuteRequest request) override;
  std::string protection() const override;

  /// Starts the process, without waiting for it.  Throws as `execute` does.
  void prepare();

 private:
  std::shared_ptr<Session> session_;
};

/// Why code cannot be run in WebAssembly here, or nothing if it can.  Tries it.
std::optional<std::string> wasm_problem(const WasmOptions& options = {});

/// Each program gets an interpreter of its own.  So many unused ones are kept ready, started in advance: a program that
/// gets one does not wait for its start.
InterpreterFactory wasm_interpreters(WasmOptions options = {}, std::size_t ready = 0);

}  // namespace dspy
