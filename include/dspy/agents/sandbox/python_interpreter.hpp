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

struct PythonOptions {
  // Behaviour
  std::string python = "/usr/bin/python3";  ///< Under /usr; inside, nothing else of this machine is there.
  /// Runs the code as an ordinary child process where no sandbox can be had, with its limits and nothing else: it can
  /// read, change and send whatever the user can.  Never for code that a model wrote.
  bool allow_unsandboxed = false;
  std::vector<std::string> readable = {};  ///< More files and folders that the code may read, at their own paths.

  // Limits
  std::uint64_t memory_bytes = std::uint64_t{512} << 20;  ///< Of addresses.
  std::uint64_t scratch_bytes = std::uint64_t{64} << 20;  ///< Of `/tmp`, where alone it may write.
  std::uint64_t cpu_seconds = 600;                        ///< Of the interpreter's life.
  std::uint64_t open_files = 64;
  std::size_t output_letters = std::size_t{256} << 10;  ///< Of an execution, kept.
  std::size_t message_bytes = std::size_t{16} << 20;    ///< Of a value that comes out; a longer one is a crash.
  std::chrono::milliseconds start_limit{15'000};
  /// How long interrupted code may take to stop, before the interpreter is killed.
  std::chrono::milliseconds grace{500};
};

/// Python in a sandbox: bubblewrap with namespaces of its own (no network, no other process, no file but a read-only
/// `/usr` and an empty `/tmp`), a seccomp filter (no sockets, no new processes, no `exec`, …), Landlock where the
/// kernel has it, and resource limits.  docs/guide/security.md says what that does and does not prevent.
///
/// Starts with the first execution, and again after a crash.  `prepare` starts it in advance.
class PythonInterpreter final : public Interpreter {
 public:
  explicit PythonInterpreter(std::vector<HostFunction> functions = {}, PythonOptions options = {});
  struct Session;
  PythonInterpreter(std::in_place_t, std::shared_ptr<Session> session) noexcept;  ///< As the factory makes it.
  ~PythonInterpreter() override;
  PythonInterpreter(const PythonInterpreter&) = delete;
  PythonInterpreter& operator=(const PythonInterpreter&) = delete;

  Async<Execution> execute(ExecuteRequest request) override;
  std::string protection() const override;

  /// Starts the process, without waiting for it.  Throws as `execute` does.
  void prepare();

 private:
  std::shared_ptr<Session> session_;
};

/// Why code cannot be sandboxed here, or nothing if it can.  Tries it.
std::optional<std::string> sandbox_problem(const PythonOptions& options = {});

/// Each program gets an interpreter of its own.  So many unused ones are kept ready, started in advance: a program that
/// gets one does not wait for its start.
InterpreterFactory python_interpreters(PythonOptions options = {}, std::size_t ready = 0);

}  // namespace dspy
